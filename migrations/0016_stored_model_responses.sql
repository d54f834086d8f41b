CREATE TABLE "stored_model_responses" (
	"id" text PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"response" "bytea" NOT NULL,
	"items" "bytea" NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "stored_model_responses_account" ON "stored_model_responses" USING btree ("account_id","created_at");--> statement-breakpoint
CREATE INDEX "stored_model_responses_expiry" ON "stored_model_responses" USING btree ("expires_at");