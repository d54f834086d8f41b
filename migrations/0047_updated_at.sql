ALTER TABLE "catalogue_versions" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "rollouts" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "updated_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
UPDATE "catalogue_versions" SET "updated_at" = "created_at";--> statement-breakpoint
UPDATE "rollouts" SET "updated_at" = coalesce("finished_at", "created_at");--> statement-breakpoint
UPDATE "accounts" SET "updated_at" = "created_at";
