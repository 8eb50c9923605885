-- The files of which a list was made: those that were taken are not new any more, and a line is told by its file.

create table list_file (
    occasion_id integer not null references occasion (id),
    -- of which list of the occasion: the rows of that one have it in `seen`
    generation integer not null,
    -- lines of the list before this file's first
    lines_before integer not null,
    -- absolute
    path text not null,
    sha256 blob not null check (length(sha256) = 32),
    primary key (occasion_id, generation, lines_before)
) strict, without rowid;
