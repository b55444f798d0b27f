package db

import "testing"

// A statement for one row becomes one for many; what would mean something else as one
// statement stays as it is.
func TestManyText(t *testing.T) {
	t.Parallel()
	types := []string{"text", "int8"}
	const from, rows = ` FROM unnest($1::text[], $2::int8[]) AS m (v1, v2) `, `unnest($1::text[], $2::int8[]) WITH ORDINALITY AS m (v1, v2, n)`
	for query, want := range map[string]string{
		`INSERT INTO t (a, b) VALUES ($1, $2)`:                                                       `INSERT INTO t (a, b) SELECT m.v1, m.v2` + from,
		"\n\tINSERT INTO t (a,\n\t\tb, c, d, e)\n\tVALUES ($1, 1, $2,\n\t\t$2, FALSE)":               "INSERT INTO t (a,\n\t\tb, c, d, e) SELECT m.v1, 1, m.v2,\n\t\tm.v2, FALSE" + from,
		`INSERT INTO t (a, b, c) VALUES ($1, $2, 'live') ON CONFLICT (a, b) DO NOTHING`:              `INSERT INTO t (a, b, c) SELECT m.v1, m.v2, 'live'` + from + `ON CONFLICT (a, b) DO NOTHING`,
		`INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING`:                                `INSERT INTO t (a, b) SELECT m.v1, m.v2` + from + `ON CONFLICT DO NOTHING`,
		"INSERT INTO t (a, b) VALUES ($1, $2)\n\tON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b": "INSERT INTO t (a, b) SELECT m.v1, m.v2" + from + "ON CONFLICT (a) DO UPDATE SET b = t.b + excluded.b",
		`INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) DO UPDATE SET b = $2`:                  "",
		`INSERT INTO t (a, c) VALUES ($1, 1) ON CONFLICT (a, c) DO UPDATE SET a = 'x'`:               "",
		`INSERT INTO t (a, b) VALUES ($1, $2 + 1)`:                                                   "",
		`INSERT INTO t (a, b, c) VALUES ($1, $2, NULL)`:                                              "",
		`INSERT INTO t (a, b) VALUES ($1, $2), ($1, $2)`:                                             "",
		`INSERT INTO t (a, b) SELECT $1, $2 FROM t`:                                                  "",
		`INSERT INTO t (a, b) VALUES ($1, (SELECT MAX(b) FROM t WHERE b > $2))`:                      "",
		`INSERT INTO t (a, b) VALUES ($1, $2) RETURNING a`:                                           "",
		`INSERT INTO t (a, b) VALUES ($1, CAST($2 AS BIGINT))`:                                       "",
		`WITH x AS (SELECT 1) INSERT INTO t (a, b) VALUES ($1, $2)`:                                  "",
		`INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a) WHERE b > 1 DO NOTHING`:                "",

		`UPDATE t SET b = $2 WHERE a = $1`:                     `UPDATE t SET b = m.v2` + from + `WHERE t.a = m.v1`,
		"\n\tUPDATE t SET b = $2,\n\t\tc = $2\n\tWHERE a = $1": "UPDATE t SET b = m.v2,\n\t\tc = m.v2" + from + "WHERE t.a = m.v1",
		`UPDATE t SET a = $1 WHERE b = $2`:                     `UPDATE t SET a = m.v1` + from + `WHERE t.b = m.v2`,
		`UPDATE t SET b = b + $2 WHERE a = $1`:                 "",
		`UPDATE t SET b = $2 WHERE a = $1 AND b <> $2`:         "",
		`UPDATE t SET b = $2, c = NULL WHERE a = $1`:           "",
		`UPDATE t SET b = $2 WHERE a = $1 RETURNING a`:         "",
		`UPDATE t SET b = $2, a = $2 WHERE a = $1`:             "",
		`DELETE FROM t WHERE a = $1 AND b = $2`:                "",

		`SELECT c FROM t WHERE a = $1 AND b > $2`:              `SELECT m.n, q.* FROM ` + rows + ` CROSS JOIN LATERAL (SELECT c FROM t WHERE a = m.v1 AND b > m.v2 OFFSET 0) AS q`,
		"\n\tSELECT $2, EXISTS (SELECT 1 FROM t WHERE a = $1)": "SELECT m.n, q.* FROM " + rows + " CROSS JOIN LATERAL (\n\tSELECT m.v2, EXISTS (SELECT 1 FROM t WHERE a = m.v1) OFFSET 0) AS q",
		`SELECT c FROM t WHERE a = $1 ORDER BY c`:              "",
		`SELECT c FROM t WHERE a = $1 LIMIT $2`:                "",
		`SELECT c FROM t WHERE a = $1 FOR NO KEY UPDATE`:       "",
		`SELECT '$1', c FROM t WHERE a = $1`:                   "",
		`SELECT c FROM t WHERE a = $1 UNION SELECT $2`:         "",
		`WITH x AS (SELECT $1) SELECT * FROM x`:                "",
		`SELECT c, SUM(b) FROM t WHERE a = $1 GROUP BY c`:      "",
		`SELECT m.c FROM t m WHERE m.a = $1`:                   "",
	} {
		if got := manyText(query, types); got.text != want {
			t.Errorf("%s\nbecomes %q,\n   want %q", query, got.text, want)
		}
	}
	if form := manyText(`INSERT INTO t (a) VALUES (1)`, nil); form.text != "" {
		t.Errorf("an insert without arguments becomes %q", form.text)
	}
}

// Rows of which one changes what another has changed go one after the other.
func TestManyRowsOfOneKeyGoOneByOne(t *testing.T) {
	t.Parallel()
	a, b, again := []any{"a", 1, "x"}, []any{"b", 1, "x"}, []any{"a", 1, "y"}
	types := []string{"text", "int8", "text"}
	for query, want := range map[string][3]bool{ // for rows apart, for two alike, for few
		`INSERT INTO t (k, n, v) VALUES ($1, $2, $3)`:                                                 {true, true, false},
		`INSERT INTO t (k, n, v) VALUES ($1, $2, $3) ON CONFLICT (k, n) DO UPDATE SET v = excluded.v`: {true, false, false},
		`INSERT INTO t (v, n, k) VALUES ($3, $2, $1) ON CONFLICT (n, k) DO UPDATE SET v = excluded.v`: {true, false, false},
		`UPDATE t SET n = $2, v = $3 WHERE k = $1`:                                                    {true, false, false},
		`SELECT v FROM t WHERE k = $1 AND n = $2 AND v <> $3`:                                         {true, true, false},
	} {
		form := manyText(query, types)
		c, d := []any{"c", 1, "x"}, []any{"c d", 1, "x"}
		got := [3]bool{form.fits([][]any{a, b, c, d}), form.fits([][]any{a, b, c, again}), form.fits([][]any{a, b, c})}
		if form.text == "" || got != want {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}
