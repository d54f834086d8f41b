CREATE TABLE "brandings" (
	"account_id" uuid PRIMARY KEY NOT NULL,
	"product_name" text NOT NULL,
	"logo_url" text,
	"primary_colour" text NOT NULL,
	"support_email" text,
	"website_url" text,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "document_publications" (
	"document_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"account_id" uuid NOT NULL,
	"status" text NOT NULL,
	"request_id" uuid NOT NULL,
	"attempts" smallint NOT NULL,
	"external_id" text,
	"url" text,
	"creation_sent_at" timestamp with time zone,
	"published_version" integer,
	"published_at" timestamp with time zone,
	"error_code" text,
	"error_detail" text,
	"requested_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL,
	CONSTRAINT "document_publications_document_id_provider_pk" PRIMARY KEY("document_id","provider")
);
--> statement-breakpoint
CREATE TABLE "integrations" (
	"account_id" uuid NOT NULL,
	"provider" text NOT NULL,
	"settings" jsonb NOT NULL,
	"secret" text NOT NULL,
	"connected_by" uuid,
	"connected_at" timestamp with time zone NOT NULL,
	"last_used_at" timestamp with time zone,
	"last_error" text,
	CONSTRAINT "integrations_account_id_provider_pk" PRIMARY KEY("account_id","provider")
);
--> statement-breakpoint
ALTER TABLE "document_publications" ADD CONSTRAINT "document_publications_document_id_documents_id_fk" FOREIGN KEY ("document_id") REFERENCES "public"."documents"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "document_publications_account" ON "document_publications" USING btree ("account_id");