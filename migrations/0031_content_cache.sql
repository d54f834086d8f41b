ALTER TABLE "generation_steps" ADD COLUMN "model" text;--> statement-breakpoint
ALTER TABLE "generations" ADD COLUMN "cache_key" text;--> statement-breakpoint
ALTER TABLE "generations" ADD COLUMN "copy_of" uuid;--> statement-breakpoint
CREATE INDEX "generations_cache_key" ON "generations" USING btree ("cache_key","id") WHERE cache_key IS NOT NULL;--> statement-breakpoint
CREATE INDEX "generations_copies" ON "generations" USING btree ("copy_of") WHERE copy_of IS NOT NULL;