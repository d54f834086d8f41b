ALTER TABLE "generation_steps" DROP COLUMN "draft";--> statement-breakpoint
ALTER TABLE "generations" DROP COLUMN "is_awaited";