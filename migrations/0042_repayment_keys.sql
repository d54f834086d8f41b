ALTER TABLE "repayments" ADD COLUMN "key_hash" text;--> statement-breakpoint
CREATE UNIQUE INDEX "repayments_key" ON "repayments" USING btree ("requested_by","key_hash");