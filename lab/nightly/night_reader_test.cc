// Is every mistake in the plan of a night pointed at, and what is right read as it was meant?
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "lab/inventory/toml_table.h"
#include "lab/nightly/jobs.h"
#include "lab/nightly/night_plan.h"

namespace holdfast::lab {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kWhole = R"([night]
name = "lab-1"
budget = "8h"
runs_at_once = 3

[[kernel]]
name = "mainline"
type = "branch"
tree = "linux"
branch = "origin/master"
fetch = "origin"
series = "reference"
config = ["nic.config"]

[[kernel]]
name = "mine"
type = "stored"
kernel = "./bzImage"
modules = "modules"

[[kernel]]
name = "debian"
type = "package"
package = "linux-image-amd64"

[[entry]]
name = "smoke"

[[entry]]
name = "updates"
kernels = ["mainline", "mine"]
next_kernels = ["mainline", "debian"]
hosts = ["n07", "tag:nic"]
devices = ["e1000e"]
cases = "Preserve.*"
append = "a=1"
next_append = "b=2"
repeat = 3
retry_infra = 0
timeout_scale = 2
budget = "90m"

[[entry]]
name = "soak"
kernels = ["mainline"]
cases = "Soak.*"
soak = 200

[[quarantine]]
cases = "Preserve.DeviceKeepsItsAddress/e1000e"
host = "n07"
kernel = "mainline"
type = "kernel.oops"
fingerprint = "0123abcd"
until = "2031-05-17"
reason = "reported upstream"

[keep]
nights = 30
days = 90

[report]
mail = ["kernel@lab.example", "root"]
from = "holdfast@lab.example"
sendmail = ["/usr/bin/msmtp", "-t"]
site = "site"
when = "news"

[[report.command]]
argv = ["./tell", "--channel", "kernel"]
)";

TEST(NightPlan, IsReadAsItIsMeant) {
  const auto plan = parse_night_plan(kWhole, "/lab/nightly.toml");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->name, "lab-1");
  EXPECT_EQ(plan->text, kWhole);
  EXPECT_EQ(plan->budget, std::chrono::hours(8));
  EXPECT_EQ(plan->runs_at_once, 3);
  ASSERT_EQ(plan->kernels.size(), 3U);
  EXPECT_EQ(plan->kernels[0].kind, NightKernel::Kind::kBranch);
  EXPECT_EQ(plan->kernels[0].tree, "/lab/linux");
  EXPECT_EQ(plan->kernels[0].branch, "origin/master");
  EXPECT_EQ(plan->kernels[0].remote, "origin");
  EXPECT_EQ(plan->kernels[0].series, "reference");
  EXPECT_THAT(plan->kernels[0].configs, ElementsAre("/lab/nic.config"));
  EXPECT_EQ(plan->kernels[1].kernel, "/lab/bzImage");
  EXPECT_EQ(plan->kernels[1].modules, "/lab/modules");
  EXPECT_EQ(plan->kernels[2].package, "linux-image-amd64");
  ASSERT_EQ(plan->entries.size(), 3U);
  EXPECT_THAT(plan->entries[0].kernels, ElementsAre("mainline", "mine", "debian")) << "all that there are";
  EXPECT_THAT(plan->entries[1].devices, ElementsAre("e1000e"));
  EXPECT_EQ(plan->entries[1].repeat, 3);
  EXPECT_EQ(plan->entries[1].budget, std::chrono::minutes(90));
  EXPECT_EQ(plan->entries[2].soak, 200);
  ASSERT_EQ(plan->known_failures.size(), 1U);
  EXPECT_EQ(plan->known_failures[0].until,
            std::chrono::sys_days(std::chrono::year(2031) / std::chrono::May / std::chrono::day(17)));
  EXPECT_EQ(plan->keep.nights, 30);
  EXPECT_EQ(plan->keep.days, 90);
  EXPECT_THAT(plan->report.mail, ElementsAre("kernel@lab.example", "root"));
  EXPECT_THAT(plan->report.commands, ElementsAre(ElementsAre("/lab/tell", "--channel", "kernel")));
  EXPECT_EQ(plan->report.site, "/lab/site");
  EXPECT_EQ(plan->report.when, NightReport::When::kNews);
}

TEST(NightPlan, NeedsNoMoreThanAnEntry) {
  const auto plan = parse_night_plan("[[entry]]\nname = \"all\"\n", "p.toml");
  ASSERT_TRUE(plan) << plan.error().what;
  EXPECT_EQ(plan->name, "nightly");
  EXPECT_THAT(plan->entries[0].kernels, IsEmpty());
  EXPECT_EQ(plan->entries[0].cases, "*");
  EXPECT_EQ(plan->keep.nights, 0) << "nothing is removed that nobody wanted removed";
}

struct Mistake {
  std::string text;
  std::string says;  ///< the whole sentence, without "p.toml:"
  std::string hint = {};
};
void PrintTo(const Mistake& mistake, std::ostream* out) { *out << mistake.says; }

Mistake in_kernel(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return {"[[kernel]]\nname = \"k\"\n" + lines + "\n[[entry]]\nname = \"e\"\n", says, hint};
}
Mistake in_entry(const std::string& line, const std::string& says, const std::string& hint = "") {
  return {"[[kernel]]\nname = \"main\"\ntype = \"stored\"\n[[entry]]\nname = \"e\"\n" + line + "\n", says, hint};
}
Mistake in_rule(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return {"[[entry]]\nname = \"e\"\n[[quarantine]]\n" + lines + "\n", says, hint};
}
Mistake below(const std::string& lines, const std::string& says, const std::string& hint = "") {
  return {"[[entry]]\nname = \"e\"\n" + lines + "\n", says, hint};
}

class NightPlanMistake : public testing::TestWithParam<Mistake> {};

TEST_P(NightPlanMistake, IsPointedAt) {
  const auto plan = parse_night_plan(GetParam().text, "p.toml");
  ASSERT_FALSE(plan) << GetParam().text;
  EXPECT_EQ(plan.error().type(), "harness.usage");
  EXPECT_EQ(plan.error().what, "p.toml:" + GetParam().says) << GetParam().text;
  EXPECT_THAT(plan.error().hint, HasSubstr(GetParam().hint));
}

INSTANTIATE_TEST_SUITE_P(
    File, NightPlanMistake,
    testing::Values(Mistake{"", "1:1: there is nothing to run", "[[entry]]"},
                    Mistake{"[[entri]]\n", "1:3: unknown key 'entri'; did you mean 'entry'?", "known here: night"},
                    Mistake{"[entry]\nname = \"e\"\n", "1:1: entry must be tables: [[entry]]"},
                    below("[nihgt]", "3:2: unknown key 'nihgt'; did you mean 'night'?"),
                    below("[night]\nbudgte = \"1h\"", "4:1: unknown key 'budgte'; did you mean 'budget'?"),
                    below("[night]\nbudget = \"1 hour\"", "4:10: '1 hour' is no span of time", "2h"),
                    below("[night]\nbudget = 3600", "4:10: budget must be a string"),
                    below("[night]\nruns_at_once = 0", "4:16: runs_at_once is 0; it must be from 1 to 100"),
                    below("[night]\nname = \"../x\"", "4:8: '../x' is no name"),
                    below("[keep]\nnights = 0", "4:10: nights is 0; it must be from 1 to 1000000"),
                    below("[keep]\ndays = -1", "4:8: days is -1; it must be from 1 to 36500"),
                    below("[keep]\nnight = 3", "4:1: unknown key 'night'; did you mean 'nights'?")));

INSTANTIATE_TEST_SUITE_P(
    Kernel, NightPlanMistake,
    testing::Values(
        in_kernel("", "1:1: [[kernel]] has no type", "stored, branch, package"),
        in_kernel("type = \"brunch\"", "3:8: no type is called \"brunch\"; did you mean \"branch\"?"),
        in_kernel("type = \"stored\"\ntree = \"x\"", "4:1: tree goes with type \"branch\", not with \"stored\""),
        in_kernel("type = \"branch\"\nbranch = \"x\"", "1:1: [[kernel]] has no tree"),
        in_kernel("type = \"branch\"\ntree = \"x\"", "1:1: [[kernel]] has no branch"),
        in_kernel("type = \"branch\"\ntree = \"x\"\nbranch = \"--upload-pack=x\"",
                  "5:10: '--upload-pack=x' cannot be a branch"),
        in_kernel("type = \"branch\"\ntree = \"x\"\nbranch = \"a b\"", "5:10: 'a b' cannot be a branch"),
        in_kernel("type = \"branch\"\ntree = \"x\"\nbranch = \"a\"\nfetch = \"-o\"", "6:9: '-o' cannot be a fetch"),
        in_kernel("type = \"branch\"\ntree = \"x\"\nbranch = \"a\"\nconfig = \"c\"",
                  "6:10: config must be a list of strings"),
        in_kernel("type = \"package\"", "1:1: [[kernel]] has no package"),
        in_kernel("type = \"package\"\npackage = \"/x/vmlinuz\"", "4:11: '/x/vmlinuz' is no .deb"),
        in_kernel("type = \"package\"\npackage = \"-o=x\"", "4:11: '-o=x' cannot be a package"),
        in_kernel("type = \"stored\"\n[[kernel]]\nname = \"k\"\ntype = \"stored\"",
                  "5:8: the name 'k' is taken: p.toml:2:8")));

INSTANTIATE_TEST_SUITE_P(
    Entry, NightPlanMistake,
    testing::Values(
        Mistake{"[[entry]]\n", "1:1: [[entry]] has no name"},
        in_entry("case = \"x\"", "6:1: unknown key 'case'; did you mean 'cases'?", "known here: name, kernels"),
        in_entry("kernels = [\"mian\"]", "6:11: no [[kernel]] is called \"mian\"; did you mean \"main\"?", "main"),
        in_entry("next_kernels = [\"x\"]", "6:16: no [[kernel]] is called \"x\"", "there are: main"),
        in_entry("kernels = [\"main\", \"main\"]", "6:11: 'main' is twice in kernels"),
        in_entry("hosts = \"n07\"", "6:9: hosts must be a list of strings"),
        in_entry("hosts = [\"tga:nic\"]", "6:9: 'tga:nic' is no host", "tag:WORD"),
        in_entry("hosts = [\"tag:\"]", "6:9: 'tag:' is no host"),
        in_entry("hosts = [\"a\", \"a\"]", "6:9: 'a' is twice in hosts"),
        in_entry("repeat = 0", "6:10: repeat is 0; it must be from 1 to 100000"),
        in_entry("repeat = \"3\"", "6:10: repeat must be a whole number"),
        in_entry("soak = 1", "6:8: soak is 1; it must be from 2 to 10000"),
        in_entry("retry_infra = 101", "6:15: retry_infra is 101; it must be from 0 to 100"),
        in_entry("timeout_scale = nan", "6:17: timeout_scale is nan; it must be from 0.01 to 1000"),
        in_entry("budget = \"0m\"", "6:10: '0m' is no span of time"),
        in_entry("cases = \"\"", "6:9: cases must not be empty"),
        in_entry("append = \"a\\nb\"", "6:10: append must be one line without control characters"),
        in_entry("[[entry]]\nname = \"e\"", "7:8: the name 'e' is taken: p.toml:5:8"),
        Mistake{"[[entry]]\nname = \"e\"\nkernels = [\"x\"]\n", "3:11: no [[kernel]] is called \"x\"",
                "there is no [[kernel]]"}));

INSTANTIATE_TEST_SUITE_P(
    Quarantine, NightPlanMistake,
    testing::Values(
        in_rule("until = \"2031-05-17\"\nreason = \"x\"", "3:1: [[quarantine]] has no cases"),
        in_rule("cases = \"*.*\"\nuntil = \"2031-05-17\"\nreason = \"x\"",
                "4:9: cases lets everything fail; say which ones are known to"),
        in_rule("cases = \"A.B\"\nreason = \"x\"", "3:1: [[quarantine]] has no until"),
        in_rule("cases = \"A.B\"\nuntil = \"2031-05-17\"", "3:1: [[quarantine]] has no reason"),
        in_rule("cases = \"A.B\"\nuntil = 2031-05-17\nreason = \"x\"", "5:9: until must be a string"),
        in_rule("cases = \"A.B\"\nuntil = \"2031-02-30\"\nreason = \"x\"", "5:9: '2031-02-30' is no day", "2031-05-17"),
        in_rule("cases = \"A.B\"\nuntil = \"next week\"\nreason = \"x\"", "5:9: 'next week' is no day"),
        in_rule("cases = \"A.B\"\nuntil = \"17-05-2031\"\nreason = \"x\"", "5:9: '17-05-2031' is no day"),
        in_rule("cases = \"A.B\"\ntype = \"lab.timeout\"\nuntil = \"2031-05-17\"\nreason = \"x\"",
                "5:8: 'lab.timeout' is no failure of a kernel's"),
        in_rule("cases = \"A.B\"\nkernel = \"main\"\nuntil = \"2031-05-17\"\nreason = \"x\"",
                "5:10: no kernel is called \"main\""),
        in_rule("cases = \"A.B\"\nuntill = \"2031-05-17\"", "5:1: unknown key 'untill'; did you mean 'until'?")));

INSTANTIATE_TEST_SUITE_P(
    Report, NightPlanMistake,
    testing::Values(below("[report]\nmial = [\"a\"]", "4:1: unknown key 'mial'; did you mean 'mail'?"),
                    below("[report]\nmail = \"a@b\"", "4:8: mail must be a list of strings"),
                    below("[report]\nmail = [\"a@b, c@d\"]", "4:8: 'a@b, c@d' is no mail address"),
                    below("[report]\nmail = [\"a@\"]", "4:8: 'a@' is no mail address", "kernel@lab.example"),
                    below("[report]\nmail = [\"-oQ/tmp\"]", "4:8: '-oQ/tmp' is no mail address"),
                    below("[report]\nfrom = \"a@b\"", "4:8: from goes with mail"),
                    below("[report]\nsendmail = [\"x\"]", "4:12: sendmail goes with mail"),
                    below("[report]\nwhen = \"newz\"", "4:8: no when is called \"newz\"; did you mean \"news\"?"),
                    below("[report]\ncommand = [\"x\"]", "4:11: command must be tables: [[report.command]]"),
                    below("[[report.command]]\nargs = [\"x\"]", "4:1: unknown key 'args'; did you mean 'argv'?"),
                    below("[[report.command]]", "3:1: [[report.command]] has no argv")));

TargetProfile target(std::string name, std::vector<std::string> traits) {
  return {.name = std::move(name), .devices = {}, .traits = std::move(traits)};
}

TEST(NightJobs, AreTheMatrixInTheOrderOfThePlan) {
  const auto plan = parse_night_plan(kWhole, "/lab/nightly.toml");
  ASSERT_TRUE(plan);
  const std::vector<TargetProfile> targets{target("n07", {"metal"}), target("n08", {"metal", "nic"}),
                                           target("n09", {"nic"}), target("qemu", {"emulated"})};
  const auto jobs = jobs_of(*plan, targets, {"n07", "n08", "n09"});
  ASSERT_TRUE(jobs) << jobs.error().what;
  std::vector<std::string> names;
  for (const NightJob& job : *jobs) names.push_back(job.name());
  EXPECT_THAT(names, ElementsAre("smoke mainline..mainline", "smoke mine..mine", "smoke debian..debian",
                                 "updates mainline..mainline", "updates mainline..debian", "updates mine..mainline",
                                 "updates mine..debian", "soak mainline..mainline"));
  EXPECT_THAT(jobs->at(0).targets, ElementsAre("n07", "n08", "n09")) << "those that a run without --target has";
  EXPECT_THAT(jobs->at(3).targets, ElementsAre("n07", "n08", "n09")) << "by name, then by tag, each once";
  EXPECT_EQ(jobs->at(3).next_kernel, nullptr) << "to itself";
  EXPECT_EQ(jobs->at(4).folder(), "updates-mainline..debian");
  EXPECT_EQ(jobs->at(4).suite("n08"), "n08/mainline..debian updates");
}

TEST(NightJobs, AreFoundAgainByTheirSuites) {
  const auto plan = parse_night_plan(kWhole, "/lab/nightly.toml");
  ASSERT_TRUE(plan);
  EXPECT_EQ(kernels_of_suite(*plan, "n08/mainline..debian updates"),
            std::pair(std::string("mainline"), std::string("debian")));
  EXPECT_EQ(kernels_of_suite(*plan, "n07/mine..mine smoke"), std::pair(std::string("mine"), std::string("mine")));
  EXPECT_EQ(kernels_of_suite(*plan, "kernels/debian"), std::pair(std::string("debian"), std::string("debian")));
  for (const char* other : {"n07/mainline..debian soak", "n07/7.3.4..7.3.4", "kernels/other", "kernels", ""}) {
    EXPECT_EQ(kernels_of_suite(*plan, other), std::nullopt) << other;
  }
}

TEST(NightJobs, RefuseAHostThatIsNotThere) {
  const auto plan = parse_night_plan("[[entry]]\nname = \"e\"\nhosts = [\"n70\"]\n", "p.toml");
  ASSERT_TRUE(plan);
  const auto jobs = jobs_of(*plan, {target("n07", {})}, {"n07"});
  ASSERT_FALSE(jobs);
  EXPECT_EQ(jobs.error().what, "p.toml:3:9: no target is called \"n70\"; did you mean \"n07\"?");
  const auto tagged = parse_night_plan("[[entry]]\nname = \"e\"\nhosts = [\"tag:nik\"]\n", "p.toml");
  const auto none = jobs_of(*tagged, {target("n07", {"nic"})}, {"n07"});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().what, "p.toml:3:9: no target has the tag \"nik\"; did you mean \"nic\"?");
}

/// Text that is nearly a plan: it is read, or there is a sentence about it with a place.
TEST(NightPlan, SurvivesWhateverStandsInIt) {
  std::mt19937 random(7);  // NOLINT(bugprone-random-generator-seed): the same each time
  const std::string whole = kWhole;
  const std::string bytes("[]{}\"'=.,#\n\\\0\xff\x80 0a-", 19);
  int refused = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string text = whole;
    for (int change = 0; change < 1 + round % 4; ++change) {
      const size_t at = random() % text.size();
      switch (random() % 4) {
        case 0:
          text.erase(at, random() % 20);
          break;
        case 1:
          text.insert(at, 1, bytes[random() % bytes.size()]);
          break;
        case 2:
          text[at] = bytes[random() % bytes.size()];
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 60));
      }
      if (text.empty()) text = "x";
    }
    const auto plan = parse_night_plan(text, "p.toml");
    if (plan) continue;
    ++refused;
    ASSERT_EQ(plan.error().type(), "harness.usage") << text;
    ASSERT_THAT(plan.error().what, testing::StartsWith("p.toml:")) << text;
  }
  EXPECT_GT(refused, 500) << "the changes do no harm: this test tests nothing";
}

}  // namespace
}  // namespace holdfast::lab
