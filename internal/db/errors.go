package db

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/notpanel/notpanel/internal/fault"
)

// pgUniqueViolation is PostgreSQL's code for a second row with a unique key.
const pgUniqueViolation = "23505"

// IsUnique reports whether err says that a unique key is taken.
func IsUnique(err error) bool {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return pg.Code == pgUniqueViolation
	}
	code, ok := sqliteCode(err)
	return ok && (code == sqliteUnique || code == sqlitePrimaryKey)
}

// IsDown reports whether err says that the database could not be reached or
// could not say what became of a commit; running the same again one by one
// would only meet the same trouble.
func IsDown(err error) bool {
	return fault.Is(err, fault.Unavailable) || errors.Is(err, ErrOutcomeUnknown)
}
