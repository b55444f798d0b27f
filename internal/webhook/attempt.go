package webhook

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/notpanel/notpanel/internal/clock"
	"github.com/notpanel/notpanel/internal/event"
	"github.com/notpanel/notpanel/internal/outbound"
)

// outcome is what became of an attempt.
type outcome struct {
	job
	Attempt
}

// ok reports whether the receiver has the event.
func (o outcome) ok() bool { return o.Error == "" && o.Status/100 == http.StatusOK/100 }

// class is for metrics.
func (o outcome) class() string {
	switch {
	case o.ok():
		return "delivered"
	case o.Error != "":
		return o.Error
	}
	return strconv.Itoa(o.Status/100) + "xx"
}

// attempt sends a delivery once.
func (s *Sender) attempt(e *Endpoint, keys [][]byte, j job) outcome {
	began := clock.System()
	// Receivers refuse what was signed minutes ago or ahead, and this node's clock may be
	// as far off.
	at := j.claimed.Add(began.Sub(j.takenAt))
	o := outcome{job: j, Attempt: Attempt{Number: j.Tries + 1, At: at}}
	body, err := event.Body(j.EventID, j.Type, j.created, j.Sequence, j.data)
	if err == nil {
		o.Status, o.Answer, err = s.post(e, keys, j, body, o.Number, at)
	}
	if err != nil {
		o.Error = outbound.Class(err)
	}
	o.Duration = clock.System().Sub(began)
	s.o.Observe(o.class())
	return o
}

func (s *Sender) post(e *Endpoint, keys [][]byte, j job, body []byte, number int64, at time.Time) (status int, answer string, err error) {
	request, err := http.NewRequestWithContext(context.Background(), http.MethodPost, e.URL, bytes.NewReader(body))
	if err != nil {
		return 0, "", outbound.Strip(err)
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "notpanel")
	set(request.Header, "X-NotPanel-Event", string(j.Type))
	set(request.Header, "X-NotPanel-Delivery", j.ID+"."+strconv.FormatInt(number, 10))
	sign(request.Header, keys, j.EventID, at, body)
	response, err := s.o.Client.Do(request)
	if err != nil {
		return 0, "", outbound.Strip(err)
	}
	defer func() { _ = response.Body.Close() }()
	said, _, err := outbound.ReadBody(response.Body, outbound.DeliveryAnswer)
	if err != nil {
		return response.StatusCode, kept(said), outbound.Strip(err)
	}
	return response.StatusCode, kept(said), nil
}

// kept is an answer as it is stored: text without what PostgreSQL refuses.
func kept(answer []byte) string {
	return strings.ReplaceAll(strings.ToValidUTF8(string(answer), "\uFFFD"), "\x00", "\uFFFD")
}
