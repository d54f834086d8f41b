ALTER TABLE "payment_requests" ADD COLUMN "period_start" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "payment_requests" ADD COLUMN "period_end" timestamp with time zone;