CREATE TABLE "stop_notices" (
	"stop_id" uuid PRIMARY KEY NOT NULL,
	"public_reason" text NOT NULL
);
