ALTER TABLE "subscriptions" ADD COLUMN "period_paid_minor" integer;--> statement-breakpoint
CREATE INDEX "refresh_tokens_expiry" ON "refresh_tokens" USING btree ("expires_at");