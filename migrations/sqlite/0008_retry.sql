-- Rows that came to an end without a mail and wait again.

-- when that was: from then on `not_after` counts; null where the row was never put back
alter table recipient add column again_at integer;

-- what the row was when it was decided about; null in decisions that are older than the column: `unknown`
alter table resolution add column was text;
