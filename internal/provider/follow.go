package provider

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// statusMost is how many orders one call of status asks about.
const statusMost = 100

// alone is about how many orders, each asked about alone, there is time for.
const alone = 10

// StatusMost returns about how many orders Status should be asked at once.
func (c *Client) StatusMost() int {
	if c.profile.BatchStatus == oneByOne {
		return alone
	}
	return statusMost
}

// Status asks about orders by the provider's ids, up to StatusMost. An id that
// the answer lacks is missing in the result. The error is ErrAnswer where asking
// about fewer may help.
func (c *Client) Status(ctx context.Context, upstreamIDs []string) (map[string]Report, error) {
	if c.profile.BatchStatus == oneByOne {
		return c.statusAlone(ctx, upstreamIDs)
	}
	action, ids := c.profile.BatchStatus, c.profile.BatchParameter
	if action == "" {
		action = "status"
	}
	if ids == "" {
		ids = c.profile.name("orders")
	}
	body, err := c.askAs(ctx, action, "orders", ids, strings.Join(upstreamIDs, ","))
	if err != nil {
		return nil, err
	}
	reports, err := parseStatus(body, upstreamIDs, c.words())
	if err != nil {
		return nil, answerError(err)
	}
	return reports, nil
}

// askAs asks with one parameter under the provider's own name for it.
func (c *Client) askAs(ctx context.Context, action, ours, theirs, value string) ([]byte, error) {
	named := *c
	if theirs != c.profile.name(ours) {
		named.profile.Names = map[string]string{ours: theirs}
		for name, other := range c.profile.Names {
			if name != ours {
				named.profile.Names[name] = other
			}
		}
	}
	return named.ask(ctx, action, []Field{{ours, value}}, looks, maxAnswer)
}

// statusAlone asks about each order in a call of its own. What was learnt before
// a call fails is kept.
func (c *Client) statusAlone(ctx context.Context, upstreamIDs []string) (map[string]Report, error) {
	reports := map[string]Report{}
	for _, orderID := range upstreamIDs {
		body, err := c.ask(ctx, "status", []Field{{"order", orderID}}, looks, maxAnswer)
		if err != nil {
			return reports, err
		}
		one, err := parseStatus(body, []string{orderID}, c.words())
		if said, ok := errors.AsType[*saidError](err); ok && aboutOrder(said.text) {
			one, err = map[string]Report{orderID: {Err: said.text}}, nil
		}
		if err != nil {
			return reports, answerError(err)
		}
		if r, ok := one[orderID]; ok {
			reports[orderID] = r
		}
	}
	return reports, nil
}

// aboutOrder reports an error that speaks of the order that was asked about, and
// not of our key, our funds or the provider's health.
func aboutOrder(said string) bool {
	class, uncertain := ClassOf(said)
	return class == Unclassified && !uncertain && strings.Contains(strings.ToLower(said), "order")
}

// answerError marks an error as ErrAnswer, but not one that fewer orders would
// get as well.
func answerError(err error) error {
	if said, ok := errors.AsType[*saidError](err); ok {
		if class, _ := ClassOf(said.text); class == TryLater {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrAnswer, err)
}

// words returns how the provider's states are read.
func (c *Client) words() func(string) Word {
	if c.native {
		return nativeWord
	}
	return WordOf
}

// nativeWord knows besides that a native panel's failed order is over and was
// paid back to us in full.
func nativeWord(said string) Word {
	if strings.EqualFold(strings.TrimSpace(said), "failed") {
		return WordCanceled
	}
	return WordOf(said)
}

// RefillWord is a provider's state of a refill.
type RefillWord int

// The words of refills.
const (
	RefillUnknown   RefillWord = iota // nobody knows it
	RefillWaiting                     // pending, awaiting
	RefillRunning                     // in progress, processing
	RefillCompleted                   //
	RefillRejected                    // rejected, canceled, failed: there will be none
)

// refillWords lists the spellings, without case, spaces, underscores and hyphens.
//
//nolint:gochecknoglobals // a table
var refillWords = map[string]RefillWord{
	"pending": RefillWaiting, "awaiting": RefillWaiting, "queued": RefillWaiting,
	"inprogress": RefillRunning, "inprogess": RefillRunning, "processing": RefillRunning, "active": RefillRunning, "refilling": RefillRunning,
	"completed": RefillCompleted, "complete": RefillCompleted, "success": RefillCompleted, "refilled": RefillCompleted,
	"rejected": RefillRejected, "canceled": RefillRejected, "cancelled": RefillRejected, "refused": RefillRejected,
	"fail": RefillRejected, "failed": RefillRejected, "error": RefillRejected,
}

// RefillReport is what a provider says of a refill.
type RefillReport struct {
	Word RefillWord
	Said string // the word as written
	Err  string // the provider's error for this refill; then nothing else is set
}

// RefillStatus asks about refills by the provider's ids, up to 100. An id that
// the answer lacks is missing in the result. Where the provider answers for all
// at once with an error, each is asked about alone.
func (c *Client) RefillStatus(ctx context.Context, refillIDs []string) (map[string]RefillReport, error) {
	if len(refillIDs) == 1 {
		return c.refillStatus(ctx, "refill", refillIDs)
	}
	reports, err := c.refillStatus(ctx, "refills", refillIDs)
	if !errors.Is(err, ErrAnswer) {
		return reports, err
	}
	reports = map[string]RefillReport{}
	for i := range refillIDs {
		one, err := c.refillStatus(ctx, "refill", refillIDs[i:i+1])
		if err != nil {
			return reports, err
		}
		maps.Copy(reports, one)
	}
	return reports, nil
}

func (c *Client) refillStatus(ctx context.Context, by string, refillIDs []string) (map[string]RefillReport, error) {
	body, err := c.ask(ctx, "refill_status", []Field{{by, strings.Join(refillIDs, ",")}}, looks, maxAnswer)
	if err != nil {
		return nil, err
	}
	reports, err := parseRefillStatus(body, refillIDs)
	if said, ok := errors.AsType[*saidError](err); ok && len(refillIDs) == 1 && aboutRefill(said.text) {
		return map[string]RefillReport{refillIDs[0]: {Err: said.text}}, nil
	}
	if err != nil {
		return nil, answerError(err)
	}
	return reports, nil
}

func aboutRefill(said string) bool {
	class, uncertain := ClassOf(said)
	return class == Unclassified && !uncertain && strings.Contains(strings.ToLower(said), "refill")
}

// parseRefillStatus reads an object for one, a list of rows, or an object keyed
// by id. An error may stand in the place of the status, or beside it.
func parseRefillStatus(body []byte, ids []string) (map[string]RefillReport, error) {
	v, err := decode(body)
	if err != nil {
		return nil, err
	}
	reports := map[string]RefillReport{}
	switch v := v.(type) {
	case []any:
		for _, row := range v {
			o, ok := row.(map[string]any)
			if refillID := text(o["refill"]); ok && refillID != "" {
				reports[refillID] = parseRefill(o)
			}
		}
	case map[string]any:
		if err := failure(v); err != nil {
			return nil, err
		}
		if _, single := v["status"]; single && len(ids) == 1 {
			if named := text(v["refill"]); named == "" || named == ids[0] {
				reports[ids[0]] = parseRefill(v)
			}
			return reports, nil
		}
		for refillID, item := range v {
			switch item := item.(type) {
			case map[string]any:
				reports[refillID] = parseRefill(item)
			case string:
				reports[refillID] = refillSaid(item)
			}
		}
	}
	return reports, nil
}

// refillSaid reads a bare text in an answer keyed by id: a state, or an error.
func refillSaid(said string) RefillReport {
	if word := refillWordOf(said); word != RefillUnknown {
		return RefillReport{Word: word, Said: storable(said)}
	}
	if said = storable(said); said == "" {
		said = "error"
	}
	return RefillReport{Err: said}
}

func parseRefill(o map[string]any) RefillReport {
	if said := errorOf(o); said != "" {
		return RefillReport{Err: said}
	}
	if inner, ok := o["status"].(map[string]any); ok {
		if said := errorOf(inner); said != "" {
			return RefillReport{Err: said}
		}
	}
	said := text(o["status"])
	return RefillReport{Word: refillWordOf(said), Said: storable(said)}
}

func refillWordOf(said string) RefillWord { return refillWords[bareWord(said)] }
