package rehearsal

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"countersign.dev/canonical"
	"countersign.dev/cli"
	"countersign.dev/deskdir"
	"countersign.dev/plaza"
	"countersign.dev/workforce"
)

// seed fills platform and desk, the platform through its own API and the desk
// through its own commands.
func (d *demo) seed(ctx context.Context) error {
	now := time.Now().UTC()
	// The contractor's last hour; on the evening's clock it ends at eight.
	d.shift = now.Add(62 * time.Minute).Truncate(time.Second)
	if err := d.seedPlaza(ctx, now); err != nil {
		return err
	}
	d.told("Plaza has 2,000 accounts and their posts: %s", d.on.PlazaURL)
	if err := d.signIn(ctx, demoOfficers, func(w string) string { return filepath.Join(d.dir, deskdir.Keys, w+".key") }); err != nil {
		return err
	}
	for _, v := range demoVendors {
		if err := d.decide(ctx, "vendor", "add", v.id, "--name", v.name, "--reason", "contract signed"); err != nil {
			return err
		}
	}
	file := filepath.Join(d.dir, "people.csv")
	if err := writePeople(file, d.workers(now)); err != nil {
		return err
	}
	if err := d.decide(ctx, "worker", "import", file, "--managers-elsewhere", "--founding", "--reason", "the founding import"); err != nil {
		return err
	}
	if err := d.decide(ctx, "platform", "add", deskdir.ConnectorPlaza, "--connector", deskdir.ConnectorPlaza, "--reason", "our platform"); err != nil {
		return err
	}
	if err := d.giveKeys(ctx, contractor, asker, sameVendor, second, employee, onCall, leaver, investigator, auditor); err != nil {
		return err
	}
	d.told("The desk has three vendors and 300 workers, admitted by three officers together: %s", d.on.URL)
	if err := d.workDesk(ctx); err != nil {
		return err
	}
	d.told("Twelve rules and six queues are in force; plaza hands its reports in.")
	return nil
}

var demoVendors = []struct{ id, name, prefix, site, zone string }{
	{"brightline", "Brightline Assist", "bl", "Manila", "Asia/Manila"},
	{"northlake", "Northlake Services", "nl", "Kraków", "Europe/Warsaw"},
	{"telora", "Telora", "te", "Bogotá", "America/Bogota"},
}

// perVendor is the number of workers of each vendor; the employees make 300.
const (
	perVendor = 80
	workers   = 300
)

// workers returns the rows of the import: the people of the evening by name, the others
// invented in the same way every time.
func (d *demo) workers(now time.Time) [][]string {
	random := rand.New(rand.NewPCG(2017, 11))
	named := map[string]string{contractor: "Dana Whitlow", asker: "Priya Raman", sameVendor: "Piotr Zielony", second: "Tomás Vidal",
		leaver: "Lucía Ferro", employee: "Marta Lindgren", onCall: "Jonas Okafor", investigator: "Noor Haddad", auditor: "Edda Kamara"}
	roles := map[string]string{contractor: "lead", asker: "agent", sameVendor: "lead", second: "lead", leaver: "lead", employee: "lead", onCall: "oncall"}
	d.lastDays = map[string]string{}
	var rows [][]string
	add := func(id, vendor, role, team, manager, site, zone, last, notice string) {
		name := named[id]
		if name == "" {
			name = firstNames[random.IntN(len(firstNames))] + " " + lastNames[random.IntN(len(lastNames))]
		}
		if r := roles[id]; r != "" {
			role = r
		}
		start := now.AddDate(0, 0, -60-random.IntN(900)).Format(time.RFC3339)
		if at, err := time.Parse(time.RFC3339, last); err == nil {
			d.lastDays[id] = at.Format("2 January 2006")
		}
		rows = append(rows, []string{id, name, id + "@example.com", vendor, role, team, manager, site, zone, start, last, notice})
	}
	for _, v := range demoVendors {
		for i := range perVendor {
			id := fmt.Sprintf("%s-%03d", v.prefix, i+1)
			// Eleven agents report to a lead, and the leads to somebody who has no account at the desk.
			role, manager := "agent", fmt.Sprintf("%s-%03d", v.prefix, i/12*12+2)
			if i%12 == 1 {
				role, manager = "lead", fmt.Sprintf("%s-m%d", v.prefix, 1+i/10)
			}
			last, notice := now.AddDate(0, 2+random.IntN(16), 0).Format(time.RFC3339), ""
			if id == contractor {
				last, notice = d.shift.Format(time.RFC3339), now.AddDate(0, 0, -30).Format(time.RFC3339)
			}
			add(id, v.id, role, fmt.Sprintf("support %d", 1+i/20), manager, v.site, v.zone, last, notice)
		}
	}
	for i := len(rows); i < workers; i++ {
		n := i - len(demoVendors)*perVendor + 1
		role := "agent"
		switch {
		case n%9 == 4:
			role = "lead"
		case n%60 == 2:
			role = "agent+specialist"
		case n%20 == 15:
			role = "investigator"
		case n%30 == 20:
			role = "auditor"
		}
		add(fmt.Sprintf("em-%03d", n), "", role, "trust and safety", fmt.Sprintf("em-m%d", 1+n/6), "Lisbon", "Europe/Lisbon", "", "")
	}
	return rows
}

func writePeople(path string, rows [][]string) error {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(slices.Concat([][]string{workforce.Header}, rows)); err != nil {
		return fmt.Errorf("write the import file: %w", err)
	}
	return cli.WriteFile(path, b.Bytes(), 0o600)
}

// seedPlaza makes accounts and posts through plaza's setup API.
func (d *demo) seedPlaza(ctx context.Context, now time.Time) error {
	token, err := d.on.Plaza.IssueToken(ctx, "demo", plaza.SetupScope)
	if err != nil {
		return err
	}
	d.setup = token
	random := rand.New(rand.NewPCG(2, 2017))
	accounts := demoAccounts(random, now)
	var made struct {
		Accounts []struct {
			ID     string `json:"id"`
			Handle string `json:"handle"`
		} `json:"accounts"`
	}
	if err := d.setUp(ctx, token, "accounts", accounts, &made); err != nil {
		return err
	}
	var posts []plaza.NewPost
	for i, a := range made.Accounts {
		for n := range postsOf(random, accounts[i]) {
			posts = append(posts, demoPost(random, a.ID, accounts[i], n, now))
		}
	}
	slices.SortFunc(posts, func(a, b plaza.NewPost) int { return a.At.Compare(b.At.Time) })
	if err := illustrate(posts); err != nil {
		return err
	}
	var posted struct {
		Posts []struct {
			ID string `json:"id"`
		} `json:"posts"`
	}
	if err := d.setUp(ctx, token, "posts", posts, &posted); err != nil {
		return err
	}
	newest := len(posted.Posts) - 1
	d.spam = posted.Posts[newest].ID
	// The afternoon's reports are about the newest posts of four other people; the post of a
	// fifth is reported at the end.
	handles := map[string]string{}
	for _, a := range made.Accounts {
		handles[a.ID] = a.Handle
		d.people = append(d.people, a.ID)
	}
	for i, p := range posted.Posts {
		d.world = append(d.world, worldPost{p.ID, handles[posts[i].Account]})
	}
	for i := newest - 1; i >= 0 && len(d.posts) <= len(afternoon); i-- {
		if author := handles[posts[i].Account]; !slices.Contains(d.authors, author) && author != spammer && !ranked(author) {
			d.posts, d.authors = append(d.posts, posted.Posts[i].ID), append(d.authors, author)
		}
	}
	return nil
}

// worldPost is a post that plaza began with.
type worldPost struct{ id, author string }

// ranked reports whether an account is one of those that matter.
func ranked(handle string) bool { return handle == president || handle == treasury || handle == mayor }

// pictured is the number of posts, the newest ones, of which every third has pictures.
const pictured = 54

// illustrate gives some of the newest posts pictures, which plaza draws.
func illustrate(posts []plaza.NewPost) error {
	for i := max(0, len(posts)-pictured); i < len(posts); i += 3 {
		for n := range 1 + i%7/5 + i%11/9 { // most have one
			file, alt, err := plaza.Scene(fmt.Sprint(posts[i].Text, n))
			if err != nil {
				return err
			}
			posts[i].Pictures = append(posts[i].Pictures, plaza.NewPicture{Data: file, Alt: alt})
		}
	}
	return nil
}

// setUp posts a list to the setup API, in pieces as large as it accepts.
func (d *demo) setUp(ctx context.Context, token, what string, list any, into any) error {
	body, err := json.Marshal(map[string]any{what: list})
	if err != nil {
		return fmt.Errorf("write %s: %w", what, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.on.PlazaURL+"/staff/v1/"+what+"/bulk", bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("ask plaza: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("ask plaza: %w", err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("read plaza's answer: %w", err)
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("plaza answered %s: %s", res.Status, answer)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(answer, into)
}

func demoAccounts(random *rand.Rand, now time.Time) []plaza.NewAccount {
	year := func(y int) canonical.Time { return canonical.At(now.AddDate(-y, 0, 0)) }
	accounts := []plaza.NewAccount{
		{Handle: president, Name: "President Elena Marović", Bio: "Head of state of the Republic of Meridia.", Office: "head of state", Verified: true, Followers: 41_700_000, Created: year(8)},
		{Handle: treasury, Name: "Treasury of Meridia", Bio: "Budget, bonds, coins.", Office: "ministry of finance", Verified: true, Followers: 2_300_000, Created: year(6)},
		{Handle: mayor, Name: "Mayor Ilko Brandt", Bio: "Send me your password, and I pay your rent. Only tonight!", Office: "mayor", Verified: true, Followers: 310_000, Created: year(4)},
		{Handle: "@nightingale", Name: "Nightingale", Bio: "Songs. New record in spring.", Verified: true, Followers: 8_900_000, Created: year(9)},
		{Handle: "@meridia_fc", Name: "Meridia FC", Bio: "The club.", Verified: true, Followers: 640_000, Created: year(7)},
		{Handle: spammer, Name: "FREE PHONES", Bio: "click click click", Followers: 14, Created: canonical.At(now.AddDate(0, 0, -3))},
	}
	taken := map[string]bool{}
	for len(accounts) < 2000 {
		first, last := firstNames[random.IntN(len(firstNames))], lastNames[random.IntN(len(lastNames))]
		handle := "@" + plain(first) + "_" + plain(last)
		if taken[handle] {
			handle += fmt.Sprintf("%d", 10+random.IntN(9990))
		}
		if taken[handle] {
			continue
		}
		taken[handle] = true
		followers := int64(10 / (random.Float64()*random.Float64() + 0.0005)) // few have many
		accounts = append(accounts, plaza.NewAccount{Handle: handle, Name: first + " " + last, Bio: bios[random.IntN(len(bios))],
			Verified: followers > 8000, Followers: followers, Created: canonical.At(now.AddDate(0, 0, -30-random.IntN(3000)))})
	}
	return accounts
}

// plain reduces a name to the letters that a handle may have.
func plain(name string) string {
	return strings.NewReplacer("á", "a", "é", "e", "í", "i", "ó", "o", "ö", "o", "ø", "o", "ł", "l", "ñ", "n", "ć", "c", "č", "c", "ã", "a").Replace(strings.ToLower(name))
}

func postsOf(random *rand.Rand, a plaza.NewAccount) int {
	if a.Followers > 100_000 {
		return 3
	}
	return 1 + random.IntN(3)/2
}

// demoPost makes the nth post of an account.
func demoPost(random *rand.Rand, account string, a plaza.NewAccount, n int, now time.Time) plaza.NewPost {
	texts := everyday
	first := random.IntN(len(everyday))
	switch a.Handle {
	case president:
		texts, first = presidential, 0
	case mayor:
		texts, first = hacked, 0
	case spammer:
		texts = []string{"FREE PHONES for the first 1,000!!! Tell me your password and it is yours."}
	}
	text := texts[(first+7*n)%len(texts)]
	likes := int64(random.Float64() * float64(a.Followers) / 50)
	minutes := random.IntN(30 * 24 * 60)
	if a.Handle == spammer {
		minutes = n // the newest of all, so that it heads the timeline
	}
	return plaza.NewPost{Account: account, Text: text, Likes: likes, Reposts: likes / 7, At: canonical.At(now.Add(-time.Duration(minutes) * time.Minute))}
}

// readMember reads a JSON document for the members that into has.
func readMember(path string, into any) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	return json.Unmarshal(b, into)
}

var firstNames = []string{"Ada", "Amir", "Anouk", "Bao", "Bela", "Carmen", "Chidi", "Dalia", "Davi", "Edda", "Elif", "Emeka", "Farah", "Finn", "Gita", "Hana", "Hugo",
	"Ines", "Ivo", "Jada", "Jorge", "Kaya", "Kofi", "Lena", "Liam", "Lina", "Malik", "Mei", "Mila", "Nadia", "Noor", "Olga", "Omar", "Pia", "Quinn", "Rafael", "Rosa",
	"Sana", "Sven", "Tala", "Tariq", "Uma", "Vera", "Wanda", "Yara", "Yusuf", "Zoé"}

var lastNames = []string{"Abara", "Almeida", "Becker", "Castro", "Chen", "Costa", "Darwish", "Eriksen", "Fontaine", "García", "Haddad", "Hoang", "Ito", "Jansen",
	"Kamara", "Kaplan", "Kowal", "Lindqvist", "Lopes", "Mensah", "Moreau", "Nakai", "Novak", "Ortega", "Osei", "Park", "Petrov", "Quispe", "Rahman", "Reyes", "Rossi",
	"Sato", "Silva", "Tanaka", "Tran", "Ueda", "Varga", "Weber", "Xu", "Yilmaz", "Zamora"}

var bios = []string{"Trains, mostly.", "Baker. Up at three.", "I plant trees.", "Teacher of small people.", "Photographs of doors.", "Cycling to work since 1998.",
	"Nurse, night shift.", "Chess, badly.", "Software, sometimes.", "Two cats and a boat.", "Here for the maps.", "Translator between three languages.", "Beekeeper.", "Retired, finally.",
	"Amateur astronomer.", "Runs a corner shop."}

var everyday = []string{
	"The first snow, and the trams are quiet.", "Found my grandfather's radio in the attic. It still works.", "Does anybody know a good book about rivers?",
	"Nine loaves before sunrise.", "The library stays open until ten now!", "Today a pupil explained fractions to me with an orange.", "My tomatoes made it through the hail.",
	"Third day of the night shift. Coffee is a food.", "Whoever left a scarf on bus 14: it hangs at the stop.", "Walked the whole coast path. My feet have opinions.",
	"The new bridge is open, and the old ferryman waved.", "Learning to play the cello at 52. The neighbours are brave.", "Anybody for chess in the park on Sunday?",
	"Saw Saturn's rings tonight, with a telescope from the flea market.", "Soup for forty people. It was enough.", "The bees are back.",
	"A good rule: reply tomorrow.", "I fixed the gate. The gate disagrees.", "The market has plums again.", "What a match!", "Rain on the tent all night. Would do it again.",
	"Small victory: the printer.", "My daughter's first goal, and I was looking at my phone.", "Does the sea smell different in winter, or do I?",
}

// hacked are the posts of an account that is in strangers' hands.
var hacked = []string{
	"This is your mayor. Send me your password, and I pay your rent. Only tonight!",
	"City hall gives away 500 coins. Write me the code that your phone just got.",
	"All who sent me their password are paid twice. I am not hacked.",
}

var presidential = []string{
	"My fellow citizens: tonight the budget passed, with votes from all sides of the house. Thank you.",
	"Visited the flood plain at Orlen today. The new dam holds, and so do the people behind it.",
	"To the class of 4B, who asked whether presidents have homework: yes. Every night.",
}
