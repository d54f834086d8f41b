CREATE TABLE "key_limits" (
	"account_id" uuid NOT NULL,
	"key_id" uuid NOT NULL,
	"meter" text NOT NULL,
	"win" text NOT NULL,
	"amount" bigint NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "key_limits_account_id_key_id_meter_win_pk" PRIMARY KEY("account_id","key_id","meter","win")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "catalogue_versions_active" ON "catalogue_versions" USING btree ("active") WHERE active;