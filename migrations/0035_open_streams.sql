CREATE TABLE "open_streams" (
	"id" uuid PRIMARY KEY NOT NULL,
	"owner" text NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
ALTER TABLE "social_posts" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
CREATE INDEX "open_streams_owner" ON "open_streams" USING btree ("owner");--> statement-breakpoint
-- Leases of open streams need not survive a crash, and without them in the log a statement waits for no disk.
ALTER TABLE "open_streams" SET UNLOGGED;--> statement-breakpoint
UPDATE "social_posts" SET "updated_at" = coalesce("published_at", "created_at");
