ALTER TABLE "generation_steps" ADD COLUMN "repair" jsonb;--> statement-breakpoint
ALTER TABLE "generation_steps" ADD COLUMN "warnings" text[] DEFAULT '{}' NOT NULL;