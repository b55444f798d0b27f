package client

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// perCall is how many ids the panel takes at once.
const perCall = 100

// Result is what a call for many answers for one of them.
type Result[T any] struct {
	// ID is the order or refill as you named it.
	ID string
	// Value is the answer. It has no meaning where Err is set.
	Value T
	// Err is why there is none, such as [ErrNotFound]; nil where there is one.
	Err error
}

// line is a line of the answer to a call for many.
type line[T any] struct {
	id    string
	value T
	err   string // the panel's text; "" where there is a value
}

func (l line[T]) result() Result[T] {
	if l.err != "" {
		return Result[T]{ID: l.id, Err: oneOfMany(l.err)}
	}
	return Result[T]{ID: l.id, Value: l.value}
}

// checkIDs refuses what the panel would read as something else than one id.
func checkIDs(ids ...string) error {
	for _, id := range ids {
		if id == "" || strings.ContainsFunc(id, func(r rune) bool { return r == ',' || r <= ' ' }) {
			return wrong("an id must not be empty and have no commas and spaces")
		}
	}
	return nil
}

// many asks for as many ids at a time as the panel takes, for each once, and returns
// the results in the order of the ids. On an error they are those that were answered
// before.
func many[T any](ctx context.Context, ids []string, call func(ctx context.Context, list string) ([]line[T], error)) ([]Result[T], error) {
	if err := checkIDs(ids...); err != nil {
		return nil, err
	}
	answered := make(map[string]Result[T], len(ids))
	for chunk := range slices.Chunk(unique(ids), perCall) {
		lines, err := call(ctx, strings.Join(chunk, ","))
		for _, l := range lines {
			answered[l.id] = l.result()
		}
		if err == nil && slices.ContainsFunc(chunk, func(id string) bool { _, ok := answered[id]; return !ok }) {
			err = &AnswerError{Status: http.StatusOK, Reason: "the answer leaves out some of what was asked"}
		}
		if err != nil {
			return inOrder(ids, answered), err
		}
	}
	return inOrder(ids, answered), nil
}

func inOrder[T any](ids []string, answered map[string]Result[T]) []Result[T] {
	results := make([]Result[T], 0, len(ids))
	for _, id := range ids {
		if r, ok := answered[id]; ok {
			results = append(results, r)
		}
	}
	return results
}

func unique(ids []string) []string {
	seen := make(map[string]bool, len(ids))
	var each []string
	for _, id := range ids {
		if !seen[id] {
			each = append(each, id)
		}
		seen[id] = true
	}
	return each
}
