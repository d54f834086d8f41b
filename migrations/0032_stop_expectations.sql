ALTER TABLE "stop_notices" ALTER COLUMN "public_reason" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "stop_notices" ADD COLUMN "expected_until" timestamp with time zone;