package giveaway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"regexp"
	"slices"

	"github.com/notpanel/notpanel/internal/id"
)

// ProofVersion names the rule of Winners. Another rule has another version.
const ProofVersion = 1

// Proof is all that a draw was made of: who has it can do the draw again. It says
// nothing of who entered but their codes.
type Proof struct {
	Version     int      `json:"version"`
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Prize       string   `json:"prize"`
	Currency    string   `json:"currency"`
	OpensAt     string   `json:"opens_at"`
	ClosesAt    string   `json:"closes_at"`
	DrawnAt     string   `json:"drawn_at"`
	Commitment  string   `json:"commitment"` // published when it opened
	Seed        string   `json:"seed"`
	EntriesHash string   `json:"entries_hash"`
	Places      int64    `json:"places"` // how many could win
	Winners     []Winner `json:"winners"`
	Entries     []string `json:"entries"` // the codes in the order of their numbers
}

// Winner is an entry that won.
type Winner struct {
	Place  int64  `json:"place"`
	Number int64  `json:"number"`
	Code   string `json:"code"`
}

// commitment is what is published of a seed before it is revealed.
func commitment(seed []byte) string {
	sum := sha256.Sum256(seed)
	return hex.EncodeToString(sum[:])
}

// EntriesHash is the SHA-256 of a list of entries, in hex: of their codes in the
// order of their numbers, each with a line feed behind it.
func EntriesHash(codes []string) string {
	h := sha256.New()
	for _, code := range codes {
		_, _ = h.Write([]byte(code + "\n")) // never fails
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Winners returns the numbers of the entries that win, by their place, and is the
// rule of version 1.
//
// Block i of random bytes, from 0 on, is HMAC-SHA256 under the seed of the
// giveaway's id, the hash of the list in hex and i as 8 bytes, the most significant
// first. A block's first 8 bytes, read the same way, are a number x. With m entries
// still in the pool, one x is skipped where it is 2^64 - (2^64 mod m) or more, for
// those that remain are evenly spread; else the entry at x mod m of the pool, from 0
// on, wins the next place and leaves the pool, whose order does not change otherwise.
// Each block is used once. It goes on until all places are won or nobody is left.
func Winners(seed []byte, giveawayID, entriesHash string, entries, places int64) []int64 {
	pool := make([]int64, entries)
	for i := range pool {
		pool[i] = int64(i) + 1
	}
	numbers := []int64{}
	for block := uint64(0); int64(len(numbers)) < places && len(pool) > 0; block++ {
		at, fair := pick(random(seed, giveawayID, entriesHash, block), uint64(len(pool)))
		if !fair {
			continue
		}
		numbers = append(numbers, pool[at])
		pool = slices.Delete(pool, int(at), int(at)+1) //nolint:gosec // below the pool's length
	}
	return numbers
}

// pick makes a place in a pool of m of a random number. It is not fair where the
// number is one of the last 2^64 mod m, which would favour the pool's beginning.
func pick(x, m uint64) (at uint64, fair bool) {
	excess := -m % m // 2^64 mod m
	return x % m, x <= math.MaxUint64-excess
}

func random(seed []byte, giveawayID, entriesHash string, block uint64) uint64 {
	mac := hmac.New(sha256.New, seed)
	_, _ = mac.Write([]byte(giveawayID + entriesHash)) // never fails
	_, _ = mac.Write(binary.BigEndian.AppendUint64(nil, block))
	return binary.BigEndian.Uint64(mac.Sum(nil))
}

var code = regexp.MustCompile(`^[A-Z2-7]{16}$`)

// Check does the draw again and says what differs from the proof; nothing is a
// draw as it was promised.
func (p *Proof) Check() (differs []string) {
	if p.Version != ProofVersion {
		return []string{fmt.Sprintf("version %d is not known here, version %d is", p.Version, ProofVersion)}
	}
	seed := fromHex(p.Seed)
	say := func(wrong bool, text string, args ...any) {
		if wrong {
			differs = append(differs, fmt.Sprintf(text, args...))
		}
	}
	say(!id.Valid(id.Giveaway, p.ID), "the id is no giveaway's")
	say(len(seed) != seedSize, "the seed is not %d bytes in hex", seedSize)
	say(commitment(seed) != p.Commitment, "the seed's SHA-256 is %s, the commitment is %s", commitment(seed), p.Commitment)
	say(p.Places < 1 || p.Places > MaxWinners, "the number of places must be between 1 and %d", MaxWinners)
	seen := make(map[string]bool, len(p.Entries))
	for i, c := range p.Entries {
		say(!code.MatchString(c), "entry %d has no code of an entry", i+1)
		say(seen[c], "entry %d has a code that stands before it already", i+1)
		seen[c] = true
	}
	hash := EntriesHash(p.Entries)
	say(hash != p.EntriesHash, "the list's SHA-256 is %s, the proof says %s", hash, p.EntriesHash)
	if len(differs) > 0 {
		return differs // the winners would differ for that reason
	}
	numbers := Winners(seed, p.ID, hash, int64(len(p.Entries)), p.Places)
	say(len(numbers) != len(p.Winners), "%d entries win, the proof names %d", len(numbers), len(p.Winners))
	for i := range min(len(numbers), len(p.Winners)) {
		want := Winner{int64(i) + 1, numbers[i], p.Entries[numbers[i]-1]}
		say(p.Winners[i] != want, "place %d is won by entry %d (%s), the proof names entry %d (%s) for place %d",
			want.Place, want.Number, want.Code, p.Winners[i].Number, p.Winners[i].Code, p.Winners[i].Place)
	}
	return differs
}
