package docs

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/notpanel/notpanel/internal/content"
)

// answer reads what the API answered to a sample: a status line, the headers that
// the sample is about, a blank line, JSON.
func (e example) answer() (Answer, error) {
	raw, err := files.ReadFile("answers/" + e.id + ".txt")
	if err != nil {
		return Answer{}, fmt.Errorf("answer: %w", err)
	}
	a, err := readAnswer(raw)
	if err != nil {
		return Answer{}, fmt.Errorf("answer to %s: %w", e.id, err)
	}
	a.First = e.first
	return a, nil
}

// suit puts the panel's currency and limits in the place of those of the panel that
// gave the answer.
func (a *Answer) suit(s Settings) {
	a.Text = strings.ReplaceAll(a.Text, `"currency": "USD"`, `"currency": `+quoted(s.Currency))
	a.Text = strings.ReplaceAll(a.Text, `\"currency\":\"USD\"`, `\"currency\":\"`+s.Currency+`\"`) // in the body of a delivery
	a.HTML = content.Highlight(a.Text, "json")
	limit, tier := s.Limits.Key, int64(0)
	if len(s.Limits.Tiers) > 0 {
		tier = s.Limits.Tiers[0].PerMinute
	}
	byTier := limit == 0 || tier > 0 && tier < limit
	if byTier {
		limit = tier
	}
	left := limit - 1
	if a.Status == http.StatusTooManyRequests {
		left = 0
	}
	var kept []Field
	for _, h := range a.Headers {
		switch h.Name {
		case "X-RateLimit-Limit":
			h.Value = strconv.FormatInt(limit, 10)
		case "X-RateLimit-Remaining":
			h.Value = strconv.FormatInt(left, 10)
		case "X-RateLimit-Tier-Remaining":
			h.Value = strconv.FormatInt(tier-1, 10)
		case "X-RateLimit-DeniedBy":
			if byTier {
				h.Value = "tier"
			}
		}
		if isOff := h.Name == "X-RateLimit-Tier-Remaining" && tier == 0 || strings.HasPrefix(h.Name, "X-RateLimit") && limit == 0; !isOff {
			kept = append(kept, h)
		}
	}
	a.Headers = kept
}

func readAnswer(raw []byte) (a Answer, err error) {
	lines := bufio.NewScanner(bytes.NewReader(raw))
	lines.Scan()
	if _, err := fmt.Sscanf(lines.Text(), "HTTP/1.1 %d", &a.Status); err != nil {
		return Answer{}, fmt.Errorf("status line: %w", err)
	}
	for lines.Scan() && lines.Text() != "" {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		a.Headers = append(a.Headers, Field{name, value})
	}
	var body []string
	for lines.Scan() {
		body = append(body, lines.Text())
	}
	a.Text = strings.Join(body, "\n")
	return a, nil
}

// writeAnswer is the form that readAnswer reads.
func writeAnswer(status int, headers []Field, body []byte) ([]byte, error) {
	var out bytes.Buffer
	fmt.Fprintf(&out, "HTTP/1.1 %d %s\n", status, http.StatusText(status))
	for _, h := range headers {
		fmt.Fprintf(&out, "%s: %s\n", h.Name, h.Value)
	}
	out.WriteByte('\n')
	if err := json.Indent(&out, bytes.TrimSpace(body), "", "  "); err != nil {
		return nil, fmt.Errorf("indent: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}
