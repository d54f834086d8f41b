CREATE TABLE "outcome_agreements" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" uuid NOT NULL,
	"goal" text NOT NULL,
	"baseline" numeric NOT NULL,
	"target" numeric NOT NULL,
	"fee_minor" integer NOT NULL,
	"starts_at" timestamp with time zone NOT NULL,
	"ends_at" timestamp with time zone NOT NULL,
	"status" text NOT NULL,
	"achieved_percent" integer NOT NULL,
	"amount_minor" integer,
	"invoice_id" text,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"updated_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outcome_measurements" (
	"id" uuid PRIMARY KEY NOT NULL,
	"agreement_id" uuid NOT NULL,
	"value" numeric NOT NULL,
	"measured_at" timestamp with time zone NOT NULL,
	"source" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "outcome_milestones" (
	"agreement_id" uuid NOT NULL,
	"percent" integer NOT NULL,
	"reached_at" timestamp with time zone NOT NULL,
	CONSTRAINT "outcome_milestones_agreement_id_percent_pk" PRIMARY KEY("agreement_id","percent")
);
--> statement-breakpoint
CREATE INDEX "outcome_agreements_account" ON "outcome_agreements" USING btree ("account_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "outcome_agreements_invoice" ON "outcome_agreements" USING btree ("invoice_id");--> statement-breakpoint
CREATE INDEX "outcome_measurements_agreement" ON "outcome_measurements" USING btree ("agreement_id","measured_at","id");