package db

import (
	"errors"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/notpanel/notpanel/internal/fault"
)

// ErrLocked says that a row stayed locked by somebody else. Nothing was done.
var ErrLocked = errors.New("a row is locked by another transaction")

// PostgreSQL's codes of errors that we tell apart.
const (
	pgNoDatabase        = "3D000"
	pgUniqueViolation   = "23505"
	pgLockNotAvailable  = "55P03"
	pgQueryCanceled     = "57014" // statement_timeout, or an operator's pg_cancel_backend
	pgIdleInTransaction = "25P03"
	pgShutdownClass     = "57P" // the server goes down, or is not up yet
	pgConnectionClass   = "08"
	pgReadOnly          = "25006" // a server that became a standby under us
	pgResourceClass     = "53"    // its disk, memory or connections are used up
	pgSystemClass       = "58"    // its disk fails
	pgDataDamaged       = "XX001" // and what it reads there makes no sense
	pgIndexDamaged      = "XX002"
)

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
