package docs

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lines joins what is no empty text; each becomes lines of its own.
func lines(all ...string) string {
	var kept []string
	for _, one := range all {
		if one != "" {
			kept = append(kept, strings.TrimSuffix(one, "\n"))
		}
	}
	return strings.Join(kept, "\n") + "\n"
}

// when is a text, or nothing.
func when(condition bool, text string) string {
	if condition {
		return text
	}
	return ""
}

// curl writes a command line for a POSIX shell.
func curl(e example, endpoint string) string {
	words := []string{"curl"}
	if len(e.headers) > 0 {
		words[0] += " -i"
	}
	if e.careful {
		words[0] += " --retry 5 --retry-all-errors"
	}
	words[0] += " " + endpoint
	for _, f := range e.body() {
		word := "-d " + f.Name + "=" + f.Value
		if f.Name == "key" && e.fromEnv {
			word = `-d "key=$` + KeyVariable + `"`
		}
		if strings.Trim(f.Value, plainInShell) != "" {
			word = "--data-urlencode '" + f.Name + "=" + f.Value + "'"
		}
		words = append(words, word)
	}
	return strings.Join(words, " \\\n  ") + "\n"
}

// plainInShell are the characters that mean themselves to a shell and in a form.
const plainInShell = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.,"

// golang writes a program for Go's standard library.
func golang(e example, endpoint string) string {
	longest := 0
	for _, f := range e.body() {
		longest = max(longest, len(strconv.Quote(f.Name)))
	}
	var fields []string
	for _, f := range e.body() {
		value := strconv.Quote(f.Value)
		if f.Name == "key" && e.fromEnv {
			value = `os.Getenv("` + KeyVariable + `")`
		}
		name := strconv.Quote(f.Name) + ":"
		fields = append(fields, fmt.Sprintf("\t\t%-*s {%s},", longest+1, name, value))
	}
	head := func(imports ...string) string {
		return "package main\n\nimport (\n\t\"" + strings.Join(imports, "\"\n\t\"") + "\"\n)\n"
	}
	if e.careful {
		return lines(head("encoding/json", "fmt", "io", "log", "net/http", "net/url", "strconv", "time"), "\n",
			"func main() {", "\torder := url.Values{", strings.Join(fields, "\n"), "\t}", goCareful(endpoint))
	}
	imports := []string{"fmt", "io", "log", "net/http", "net/url"}
	if e.fromEnv {
		imports = append(imports, "os")
	}
	return lines(head(append(imports, "time")...), "\n",
		"func main() {", "\tclient := &http.Client{Timeout: 30 * time.Second}",
		"\tresponse, err := client.PostForm("+strconv.Quote(endpoint)+", url.Values{", strings.Join(fields, "\n"), "\t})",
		`	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		log.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		log.Fatalf("%s: %s", response.Status, body)
	}`,
		when(len(e.headers) > 0, `	fmt.Println("Left in this minute:", response.Header.Get("X-RateLimit-Remaining"))`),
		"\tfmt.Println(string(body))\n}")
}

func goCareful(endpoint string) string {
	return `	client := &http.Client{Timeout: 30 * time.Second}
	for attempt := 1; attempt <= 5; attempt++ {
		status, body, wait := send(client, order)
		switch status {
		case http.StatusOK:
			fmt.Println(string(body))
			return
		case 0, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable:
			// With the same request_id it is one order, however often it is sent.
			time.Sleep(wait)
		default:
			var refusal struct{ Error string }
			if err := json.Unmarshal(body, &refusal); err != nil {
				log.Fatalf("%d: %s", status, body)
			}
			log.Fatalf("%d: %s", status, refusal.Error)
		}
	}
	log.Fatal("no answer after 5 attempts; send the same request again later")
}

// send returns status 0 where no answer came, and how long to wait before the
// request is sent again.
func send(client *http.Client, form url.Values) (status int, body []byte, wait time.Duration) {
	wait = time.Second
	response, err := client.PostForm(` + strconv.Quote(endpoint) + `, form)
	if err != nil {
		return 0, nil, wait
	}
	defer response.Body.Close()
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil {
		wait = time.Duration(seconds) * time.Second
	}
	if body, err = io.ReadAll(response.Body); err != nil {
		return 0, nil, wait
	}
	return response.StatusCode, body, wait
}`
}

// quoted is a text in the double quotes that JavaScript and Python share.
func quoted(text string) string {
	q, err := json.Marshal(text)
	if err != nil {
		return strconv.Quote(text)
	}
	return strings.NewReplacer(`\u0026`, "&", `\u003c`, "<", `\u003e`, ">").Replace(string(q))
}

// javaScript writes a module for Node and for every server that has fetch.
func javaScript(e example, endpoint string) string {
	var fields []string
	for _, f := range e.body() {
		value := quoted(f.Value)
		if f.Name == "key" && e.fromEnv {
			value = "process.env." + KeyVariable
		}
		fields = append(fields, "    "+f.Name+": "+value+",")
	}
	if e.careful {
		return lines("const order = new URLSearchParams({", strings.ReplaceAll(strings.Join(fields, "\n"), "    ", "  "), "});", "\n", jsCareful(endpoint))
	}
	return lines("const response = await fetch("+quoted(endpoint)+", {", `  method: "POST",`, "  body: new URLSearchParams({",
		strings.Join(fields, "\n"),
		`  }),
  signal: AbortSignal.timeout(30_000),
});
const answer = await response.json();
if (!response.ok) {
  throw new Error(`+"`${response.status}: ${answer.error}`"+`);
}`,
		when(len(e.headers) > 0, `console.log("Left in this minute:", response.headers.get("X-RateLimit-Remaining"));`),
		"console.log(answer);")
}

func jsCareful(endpoint string) string {
	return `async function send() {
  try {
    const response = await fetch(` + quoted(endpoint) + `, {
      method: "POST",
      body: order,
      signal: AbortSignal.timeout(30_000),
    });
    return { status: response.status, wait: response.headers.get("Retry-After"), body: await response.text() };
  } catch {
    return { status: 0 }; // no answer came
  }
}

async function place() {
  for (let attempt = 1; attempt <= 5; attempt++) {
    const { status, wait, body } = await send();
    if (status === 200) return JSON.parse(body);
    if (![0, 429, 500, 503].includes(status)) {
      throw new Error(` + "`${status}: ${JSON.parse(body).error}`" + `);
    }
    // With the same request_id it is one order, however often it is sent.
    await new Promise((done) => setTimeout(done, Number(wait ?? 1) * 1000));
  }
  throw new Error("no answer after 5 attempts; send the same request again later");
}

console.log(await place());`
}

// python writes a program for the package requests.
func python(e example, endpoint string) string {
	var fields []string
	for _, f := range e.body() {
		value := quoted(f.Value)
		if f.Name == "key" && e.fromEnv {
			value = `os.environ["` + KeyVariable + `"]`
		}
		fields = append(fields, "        "+quoted(f.Name)+": "+value+",")
	}
	if e.careful {
		return lines("import time", "\n", "import requests", "\n", "order = {", strings.ReplaceAll(strings.Join(fields, "\n"), "        ", "    "), "}", "\n", pyCareful(endpoint))
	}
	return lines(when(e.fromEnv, "import os\n\n"), "import requests", "\n", "response = requests.post(", "    "+quoted(endpoint)+",", "    data={",
		strings.Join(fields, "\n"),
		`    },
    timeout=30,
)
answer = response.json()
if not response.ok:
    raise SystemExit(f"{response.status_code}: {answer['error']}")`,
		when(len(e.headers) > 0, `print("Left in this minute:", response.headers["X-RateLimit-Remaining"])`),
		"print(answer)")
}

func pyCareful(endpoint string) string {
	return `
def place():
    for attempt in range(5):
        wait = 1
        try:
            response = requests.post(` + quoted(endpoint) + `, data=order, timeout=30)
            if response.status_code == 200:
                return response.json()
            if response.status_code not in (429, 500, 503):
                raise SystemExit(f"{response.status_code}: {response.json()['error']}")
            wait = int(response.headers.get("Retry-After", 1))
        except requests.RequestException:
            pass  # no answer came
        # With the same request_id it is one order, however often it is sent.
        time.sleep(wait)
    raise SystemExit("no answer after 5 attempts; send the same request again later")


print(place())`
}

// singleQuoted is a text in PHP's single quotes; one with line ends in double ones.
func singleQuoted(text string) string {
	if strings.Contains(text, "\n") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "\n", `\n`).Replace(text) + `"`
	}
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(text) + "'"
}

// php writes a program for PHP's curl.
func php(e example, endpoint string) string {
	var fields []string
	for _, f := range e.body() {
		value := singleQuoted(f.Value)
		if f.Name == "key" && e.fromEnv {
			value = "getenv('" + KeyVariable + "')"
		}
		fields = append(fields, "    "+singleQuoted(f.Name)+" => "+value+",")
	}
	if e.careful {
		return lines("<?php", "$order = [", strings.Join(fields, "\n"), "];", "\n", phpCareful(endpoint))
	}
	header := `    CURLOPT_HEADERFUNCTION => function ($request, $line) use (&$headers) {
        [$name, $value] = array_pad(explode(':', $line, 2), 2, '');
        $headers[strtolower($name)] = trim($value);
        return strlen($line);
    },`
	return lines("<?php", "$request = curl_init("+singleQuoted(endpoint)+");", "curl_setopt_array($request, [",
		"    CURLOPT_POSTFIELDS => http_build_query([", strings.ReplaceAll("    "+strings.Join(fields, "\n    "), "\n\n", "\n"), "    ]),",
		when(len(e.headers) > 0, header),
		`    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_TIMEOUT => 30,
]);
$body = curl_exec($request);
if ($body === false) {
    throw new RuntimeException(curl_error($request));
}
$status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
$answer = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
if ($status !== 200) {
    throw new RuntimeException("$status: {$answer['error']}");
}`,
		when(len(e.headers) > 0, "echo 'Left in this minute: ', $headers['x-ratelimit-remaining'], PHP_EOL;"),
		"echo json_encode($answer, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), PHP_EOL;")
}

func phpCareful(endpoint string) string {
	return `function place(array $order): array
{
    for ($attempt = 1; $attempt <= 5; $attempt++) {
        $wait = 1;
        $request = curl_init(` + singleQuoted(endpoint) + `);
        curl_setopt_array($request, [
            CURLOPT_POSTFIELDS => http_build_query($order),
            CURLOPT_HEADERFUNCTION => function ($request, $line) use (&$wait) {
                if (stripos($line, 'Retry-After:') === 0) {
                    $wait = (int) substr($line, strlen('Retry-After:'));
                }
                return strlen($line);
            },
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT => 30,
        ]);
        $body = curl_exec($request);
        $status = $body === false ? 0 : curl_getinfo($request, CURLINFO_RESPONSE_CODE);
        if ($status === 200) {
            return json_decode($body, true, flags: JSON_THROW_ON_ERROR);
        }
        if (!in_array($status, [0, 429, 500, 503], true)) {
            $answer = json_decode($body, true, flags: JSON_THROW_ON_ERROR);
            throw new RuntimeException("$status: {$answer['error']}");
        }
        // With the same request_id it is one order, however often it is sent.
        sleep($wait);
    }
    throw new RuntimeException('no answer after 5 attempts; send the same request again later');
}

echo json_encode(place($order), JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), PHP_EOL;`
}
