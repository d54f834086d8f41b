DROP INDEX "catalogue_versions_hash";--> statement-breakpoint
CREATE UNIQUE INDEX "catalogue_versions_hash" ON "catalogue_versions" USING btree ("catalogue_id","content_hash");--> statement-breakpoint
ALTER TABLE "rollouts" DROP COLUMN "lease_until";