DROP VIEW charges;
