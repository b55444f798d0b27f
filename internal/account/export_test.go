package account

import "github.com/notpanel/notpanel/internal/db"

// Statements are what a search asks the database for, each row of arguments once.
func (q Query) Statements() (text string, rows [][]any) {
	text, args := q.statement()
	for _, s := range q.standings() {
		rows = append(rows, append([]any{string(s.state), string(s.tier), string(s.role)}, args...))
	}
	if len(rows) == 0 {
		rows = [][]any{args}
	}
	return text, rows
}

// Statement is what a page of the log is read by.
func (q LogQuery) Statement(tx *db.Tx) (text string, args []any, err error) {
	b, err := q.bounds(tx)
	if err != nil {
		return "", nil, err
	}
	text, args = b.query(q.Limit + 1)
	return text, args, nil
}
