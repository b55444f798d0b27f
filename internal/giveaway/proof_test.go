package giveaway_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/notpanel/notpanel/internal/giveaway"
)

const aGiveaway = "gvw_01J9Z4W6Y1Q2R3S4T5V6W7X8Y9"

// aSeed is the bytes 0 to 31.
func aSeed() []byte {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = byte(i)
	}
	return seed
}

func someCodes(n int) []string {
	codes := make([]string, n)
	for i := range codes {
		sum := sha256.Sum256([]byte(strconv.Itoa(i + 1)))
		codes[i] = base32.StdEncoding.EncodeToString(sum[:])[:16]
	}
	return codes
}

// The rule gives what a program of another language, written from its description,
// gave once and for all: a change of it is another version.
func TestWinnersAreThoseOfTheVectors(t *testing.T) {
	t.Parallel()
	for _, v := range []struct {
		entries int
		places  int64
		hash    string
		winners []int64
	}{
		{0, 3, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", []int64{}},
		{1, 1, "c1a7156ba5e752b40595d756f7608e7945ffef917b0465ef91a28caddd5c88ea", []int64{1}},
		{3, 5, "e763f970542b2c44c95aa70997ee94af876890ca637d4650dd355e04e644e159", []int64{1, 3, 2}},
		{10, 3, "881ef89f03e2a85d4daa438dfc6dff7ff7e9f7c18f445cd5bd851982e2b2cf8f", []int64{1, 10, 5}},
		{1000, 5, "11463a743d634318638bf21f1bbaea3334af08609525abe012fbab242086b66f", []int64{180, 63, 277, 651, 225}},
		{100_000, 4, "28a5a481cdb06db1f98feaeec990cb94d08478cdb03d90f35c8e53938349cdcf", []int64{37493, 80709, 84903, 52771}},
	} {
		hash := giveaway.EntriesHash(someCodes(v.entries))
		if got := giveaway.Winners(aSeed(), aGiveaway, hash, int64(v.entries), v.places); hash != v.hash || !slices.Equal(got, v.winners) {
			t.Errorf("%d entries: %v of %s, want %v of %s", v.entries, got, hash, v.winners, v.hash)
		}
	}
}

// again does a draw by the description, with numbers of any length.
func again(seed []byte, giveawayID, hash string, entries, places int64) (won []int64) {
	var pool []int64
	for n := range entries {
		pool = append(pool, n+1)
	}
	all := new(big.Int).Lsh(big.NewInt(1), 64)
	for i := int64(0); int64(len(won)) < places && len(pool) > 0; i++ {
		mac := hmac.New(sha256.New, seed)
		mac.Write([]byte(giveawayID))
		mac.Write([]byte(hash))
		mac.Write(new(big.Int).SetInt64(i).FillBytes(make([]byte, 8)))
		x, m := new(big.Int).SetBytes(mac.Sum(nil)[:8]), big.NewInt(int64(len(pool)))
		if x.Cmp(new(big.Int).Sub(all, new(big.Int).Mod(all, m))) >= 0 {
			continue
		}
		at := new(big.Int).Mod(x, m).Int64()
		won = append(won, pool[at])
		pool = append(pool[:at:at], pool[at+1:]...)
	}
	return won
}

// Whatever seed, list and number of places there are: who computes it anew comes to
// the same winners, each of whom wins once.
func TestWinnersCanBeComputedAnew(t *testing.T) {
	t.Parallel()
	for round := range int64(200) {
		seed := sha256.Sum256([]byte(strconv.FormatInt(round, 10)))
		entries, places := round*round%97, round%7+1
		hash := giveaway.EntriesHash(someCodes(int(entries)))
		got := giveaway.Winners(seed[:], aGiveaway, hash, entries, places)
		if want := again(seed[:], aGiveaway, hash, entries, places); !slices.Equal(got, want) {
			t.Errorf("%d of %d: %v, want %v", places, entries, got, want)
		}
		slices.Sort(got)
		if int64(len(got)) != min(entries, places) || len(slices.Compact(got)) != len(got) {
			t.Errorf("%d of %d: %v", places, entries, got)
		}
	}
}

// Numbers that would favour the beginning of the pool are not taken.
func TestPickIsFair(t *testing.T) {
	t.Parallel()
	const last = math.MaxUint64
	for _, c := range []struct {
		x, m, at uint64
		fair     bool
	}{
		{0, 1, 0, true},
		{last, 1, 0, true},
		{last, 4, 3, true},
		{last, 3, 0, false},
		{last - 1, 3, 2, true}, // 2^64 mod 3 = 1
		{last, 10, 5, false},
		{last - 5, 10, 0, false},
		{last - 6, 10, 9, true}, // 2^64 mod 10 = 6
		{last, 1 << 63, 1<<63 - 1, true},
		{last, 1<<63 + 1, 1<<63 - 2, false},
		{1 << 63, 1<<63 + 1, 1 << 63, true},
	} {
		if at, fair := giveaway.Pick(c.x, c.m); at != c.at || fair != c.fair {
			t.Errorf("%d of %d: %d, %v", c.x, c.m, at, fair)
		}
	}
}

// aProof is a draw as it is published.
func aProof() giveaway.Proof {
	codes := someCodes(10)
	sum := sha256.Sum256(aSeed())
	p := giveaway.Proof{
		Version: giveaway.ProofVersion, ID: aGiveaway, Seed: hex.EncodeToString(aSeed()), Commitment: hex.EncodeToString(sum[:]),
		EntriesHash: giveaway.EntriesHash(codes), Places: 3, Entries: codes,
	}
	for i, n := range []int64{1, 10, 5} {
		p.Winners = append(p.Winners, giveaway.Winner{Place: int64(i) + 1, Number: n, Code: codes[n-1]})
	}
	return p
}

// A proof holds as it was made, and whatever was changed in it is named.
func TestCheckNamesWhatDiffers(t *testing.T) {
	t.Parallel()
	p := aProof()
	if differs := p.Check(); len(differs) != 0 {
		t.Errorf("as it was made: %q", differs)
	}
	for name, c := range map[string]struct {
		change func(p *giveaway.Proof)
		says   string
	}{
		"another version":       {func(p *giveaway.Proof) { p.Version = 2 }, "version 2"},
		"another giveaway":      {func(p *giveaway.Proof) { p.ID = aGiveaway[:29] + "8" }, "place 1"},
		"no id":                 {func(p *giveaway.Proof) { p.ID = "1" }, "no giveaway's"},
		"another seed":          {func(p *giveaway.Proof) { p.Seed = strings.Repeat("00", 32) }, "the commitment is"},
		"no seed":               {func(p *giveaway.Proof) { p.Seed = "" }, "not 32 bytes"},
		"another commitment":    {func(p *giveaway.Proof) { p.Commitment = strings.Repeat("0", 64) }, "the commitment is"},
		"an entry more":         {func(p *giveaway.Proof) { p.Entries = append(p.Entries, someCodes(11)[10]) }, "the list's SHA-256"},
		"an entry less":         {func(p *giveaway.Proof) { p.Entries = p.Entries[:9] }, "the list's SHA-256"},
		"an entry twice":        {func(p *giveaway.Proof) { p.Entries[3] = p.Entries[2] }, "stands before it already"},
		"an entry with two":     {func(p *giveaway.Proof) { p.Entries[0] += "\n" + p.Entries[1] }, "has no code"},
		"another winner":        {func(p *giveaway.Proof) { p.Winners[1] = giveaway.Winner{Place: 2, Number: 4, Code: p.Entries[3]} }, "place 2 is won by entry 10"},
		"winners that changed":  {func(p *giveaway.Proof) { p.Winners[0], p.Winners[1] = p.Winners[1], p.Winners[0] }, "place 1"},
		"a winner less":         {func(p *giveaway.Proof) { p.Winners = p.Winners[:2] }, "3 entries win"},
		"a place more":          {func(p *giveaway.Proof) { p.Places = 4 }, "4 entries win"},
		"more places than ever": {func(p *giveaway.Proof) { p.Places = 1 << 40 }, "between 1 and 100"},
		"a list that was swapped": {func(p *giveaway.Proof) {
			p.Entries[0], p.Entries[1] = p.Entries[1], p.Entries[0]
			p.EntriesHash = giveaway.EntriesHash(p.Entries)
		}, "place"},
	} {
		p := aProof()
		c.change(&p)
		if differs := strings.Join(p.Check(), "\n"); !strings.Contains(differs, c.says) {
			t.Errorf("%s: %q, want %q", name, differs, c.says)
		}
	}
}
