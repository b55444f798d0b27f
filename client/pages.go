package client

import "iter"

// toTheEnd goes through a list whose last page has no cursor.
func toTheEnd[T any](cursor string, page func(cursor string) (rows []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for at := cursor; ; {
			rows, next, err := page(at)
			if !yieldAll(yield, rows, err) || err != nil || next == "" || next == at {
				return
			}
			at = next
		}
	}
}

// toNow goes through a list that grows at its end, whose every page has a cursor. It
// moves the caller's cursor when all rows of a page are through, so that one who stops
// in the middle of a page gets the rest of it the next time.
func toNow[T any](cursor *string, full int, page func(cursor string) (rows []T, next string, err error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		at := cursor
		if at == nil {
			at = new("")
		}
		for {
			rows, next, err := page(*at)
			if !yieldAll(yield, rows, err) || err != nil {
				return
			}
			*at = next
			if len(rows) < full {
				return
			}
		}
	}
}

// yieldAll reports whether more is wanted.
func yieldAll[T any](yield func(T, error) bool, rows []T, err error) bool {
	if err != nil {
		var none T
		return yield(none, err)
	}
	for _, row := range rows {
		if !yield(row, nil) {
			return false
		}
	}
	return true
}
