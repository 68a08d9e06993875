// Does a cluster that loses a computer in the middle give the same results as one computer without a cluster?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "harness/base/text.h"
#include "harness/e2e/eventually.h"
#include "harness/e2e/kernel_history.h"
#include "harness/e2e/program.h"
#include "harness/e2e/slurm/cluster.h"
#include "harness/event_codec.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int kTasks = 24;

/// 24 short cases of which some fail, and some that are skipped: buses are renumbered by the next kernel, which moves
/// what is not preserved.
const std::vector<std::string> kWhat{
    "--device=e1000e",
    "--filter=Preserve.*:Sessions.*:Retrieve.DeviceComesBackAndWorks:Addresses.PlainKexecMovesNothing",
    "--next-append=pci=assign-busses,hpbussize=4"};

std::vector<std::string> with_what(std::vector<std::string> args) {
  args.insert(args.end(), kWhat.begin(), kWhat.end());
  return args;
}

/// The counts of each suite: every <testsuite ...> without what changes from run to run.
std::set<std::string> suites_in(const fs::path& junit) {
  std::set<std::string> suites;
  const std::string text = *read_file(junit);
  for (size_t at = text.find("<testsuite "); at != std::string::npos; at = text.find("<testsuite ", at + 1)) {
    const std::string whole = text.substr(at, text.find('>', at) - at);
    suites.insert(whole.substr(0, whole.find(" time=")));
  }
  return suites;
}

/// How often each case was settled, over all tasks.
std::map<std::string, int> settled_in(const fs::path& submission) {
  std::map<std::string, int> settled;
  for (const auto& entry : fs::recursive_directory_iterator(submission)) {
    if (entry.path().filename() != "journal.jsonl") continue;
    const std::string journal = *read_file(entry.path());
    for (const std::string_view line : split(journal, '\n')) {
      const auto event = decode_event(line);
      if (!event) continue;
      if (const auto* one = std::get_if<CaseSettled>(&*event)) ++settled[one->id.key()];
    }
  }
  return settled;
}

fs::path submission_in(const fs::path& out) {
  for (const auto& entry : fs::directory_iterator(out)) {
    if (entry.path().filename().string().starts_with("submit-")) return entry.path();
  }
  return {};
}

long count(const std::string& text, std::string_view word) {
  long found = 0;
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++found;
  return found;
}

/// A task that runs on this node and has begun a case, or nothing.
std::string busy_task(const std::string& node, const fs::path& submission) {
  const std::string running =
      Cluster::ask({"squeue", "--noheader", "--array", "--states=RUNNING", "--nodelist=" + node, "--format=%K"});
  for (const std::string_view task : split(running, '\n')) {
    for (const auto& entry : fs::directory_iterator(submission)) {
      const auto journal = read_file(entry.path() / fmt::format("task-{}", trim(task)) / "journal.jsonl");
      const bool mid_case = journal && count(*journal, "case-started") > count(*journal, "attempt-ended");
      if (mid_case) return std::string(trim(task));
    }
  }
  return {};
}

TEST(Slurm, ALostNodeLosesNothingAndDoublesNothing) {
  Program reference;
  const Output alone = reference.run(with_what({"run"}));
  const auto expected = verdicts_in(reference.junit());
  ASSERT_EQ(alone.status.code, 1) << alone.out << alone.err;
  ASSERT_GE(std::ranges::count_if(expected, [](const auto& one) { return one.second.starts_with("passed"); }), 5);
  ASSERT_GE(std::ranges::count_if(expected, [](const auto& one) { return one.second.starts_with("skipped"); }), 1);

  auto cluster = Cluster::start();
  ASSERT_TRUE(cluster.ok()) << cluster.error().what;
  Program program;
  Process submit = program.start(with_what({"submit", fmt::format("--tasks={}", kTasks)}));
  const fs::path out = program.latest().parent_path();
  fs::path submission;
  std::string lost;
  const auto told = [&] { return *read_file(program.output_file()) + cluster->logs(); };
  ASSERT_TRUE(eventually([&] { return !(submission = submission_in(out)).empty() || submit.poll(); })) << told();
  ASSERT_TRUE(eventually([&] { return !(lost = busy_task("n1", submission)).empty() || submit.poll(); })) << told();
  ASSERT_FALSE(submit.poll()) << "it ended before a node could be lost\n" << told();
  cluster->kill_node("n1");
  const auto requeued = [&] {
    return Cluster::ask({"squeue", "--noheader", "--array", "--states=PENDING", "--format=%K %r"}).find(lost + " ") !=
           std::string::npos;
  };
  EXPECT_TRUE(eventually(requeued, Millis(60'000))) << "task " << lost << " was not requeued\n" << told();
  cluster->start_node("n1");

  const auto ended = submit.wait(Deadline::after(Millis(900'000)));
  ASSERT_TRUE(ended.ok()) << told();
  EXPECT_EQ(ended->code, 1) << told();
  EXPECT_EQ(verdicts_in(submission / "merged/junit.xml"), expected) << told();
  EXPECT_EQ(suites_in(submission / "merged/junit.xml"), suites_in(reference.junit()));
  const auto settled = settled_in(submission);
  for (const auto& [name, times] : settled) EXPECT_EQ(times, 1) << name;
  EXPECT_EQ(settled.size(), expected.size());
}

TEST(Slurm, APlanIsKeptToItsKernelsItsTimeAndWhatIsKnown) {
  const TempDir dir = *TempDir::create("holdfast-plan");
  Program program;
  StandInTree tree(dir.path() / "linux");
  const std::string broken = tree.commit("nobody-has-it");
  tree.commit("faults");
  const std::string name = fmt::format("submitted-{}", ::getpid());
  ASSERT_TRUE(write_file(dir.path() / "night.toml", fmt::format(R"([night]
name = "{}"
budget = "30m"
[[kernel]]
name = "main"
type = "branch"
tree = "linux"
branch = "main"
[[kernel]]
name = "gone"
type = "branch"
tree = "linux"
branch = "{}"
[[entry]]
name = "known"
kernels = ["main"]
devices = ["e1000e"]
cases = "Preserve.DeviceKeepsItsAddress"
append = "liveupdate_fault=oops-preserve"
next_append = "liveupdate_fault=oops-preserve"
[[entry]]
name = "soak"
kernels = ["main"]
cases = "Soak.*"
soak = 2
[[entry]]
name = "late"
kernels = ["main"]
cases = "Addresses.PlainKexecMovesNothing"
budget = "1s"
[[entry]]
name = "unbuilt"
kernels = ["gone"]
cases = "LiveUpdate.MemfdKeepsItsBytes"
[[quarantine]]
cases = "Preserve.*"
kernel = "main"
type = "kernel.oops"
until = "2999-12-31"
reason = "reported"
)",
                                                                name, broken)));
  auto cluster = Cluster::start();
  ASSERT_TRUE(cluster.ok()) << cluster.error().what;
  const Output said = program.run({"submit", "--plan", dir.path() / "night.toml"});
  forget_kernel(program, name, "main");
  EXPECT_EQ(said.status.code, 1) << "one kernel does not compile\n" << said.out << said.err << cluster->logs();
  const fs::path junit = submission_in(program.latest().parent_path()) / "merged/junit.xml";
  const auto cases = read_junit(junit);
  EXPECT_THAT(cases.at("Preserve.e1000e.DeviceKeepsItsAddress").message,
              HasSubstr("known failure until 2999-12-31 (reported): kernel.oops"));
  EXPECT_THAT(cases.at("Addresses.PlainKexecMovesNothing").message,
              HasSubstr("out of time: this run was to end after 1s"));
  EXPECT_THAT(cases.at("LiveUpdate.MemfdKeepsItsBytes").message, HasSubstr("there is no kernel: "));
  EXPECT_EQ(cases.at("Night.KernelIsThere").verdict, "failure");
  const std::string text = *read_file(junit);
  EXPECT_THAT(
      text,
      HasSubstr("<testsuite name=\"qemu/main..main soak\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\""));
}

TEST(Slurm, AnInterruptEndsAllTasksAndSaysWhatIsMissing) {
  auto cluster = Cluster::start();
  ASSERT_TRUE(cluster.ok()) << cluster.error().what;
  Program program;
  Process submit = program.start({"submit", "--tasks=4", "--device=e1000e", "--filter=Preserve.*IsRefused"});
  const fs::path out = program.latest().parent_path();
  const auto running = [] { return !Cluster::ask({"squeue", "--noheader", "--states=RUNNING"}).empty(); };
  ASSERT_TRUE(eventually([&] { return running() || submit.poll(); })) << *read_file(program.output_file());
  submit.signal_group(SIGTERM);
  const auto ended = submit.wait(Deadline::after(Millis(180'000)));
  ASSERT_TRUE(ended.ok());
  EXPECT_EQ(ended->code, 130) << *read_file(program.output_file());
  EXPECT_EQ(Cluster::ask({"squeue", "--noheader"}), "");
  const auto verdicts = verdicts_in(submission_in(out) / "merged/junit.xml");
  EXPECT_TRUE(std::ranges::any_of(verdicts, [](const auto& one) {
    return one.second.starts_with("error lab.no-result: ");
  })) << *read_file(program.output_file());
}

TEST(Slurm, NothingOutlivesATestThatIsKilled) {
  auto cluster = Cluster::start();
  ASSERT_TRUE(cluster.ok()) << cluster.error().what;
  const fs::path script = cluster->folder() / "script";
  ASSERT_TRUE(write_file(script, "#!/bin/sh\nexec sleep 1234567\n").ok());
  ASSERT_NE(Cluster::ask({"sbatch", "--mem=100", "--output=/dev/null", script.string()}), "");
  ASSERT_TRUE(eventually([] { return !processes_with("1234567").empty(); }, Millis(30'000)));
  const auto daemons = processes_with(cluster->folder().string());
  EXPECT_GE(daemons.size(), 2U);
  ASSERT_EQ(::kill(cluster->runner(), SIGKILL), 0);
  EXPECT_TRUE(all_gone(processes_with("1234567")));
  EXPECT_TRUE(all_gone(daemons));
  EXPECT_TRUE(processes_with("slurmd -D -N").empty());
}

TEST(Slurm, ALabHostWithoutALicenceIsRefusedBeforeAnythingIsSubmitted) {
  auto cluster = Cluster::start("n08:1");
  ASSERT_TRUE(cluster.ok()) << cluster.error().what;
  Program program;
  const fs::path lab = program.latest().parent_path() / "lab.toml";
  ASSERT_TRUE(write_file(lab,
                         "[[host]]\nname = \"n07\"\n[host.ssh]\naddress = \"127.0.0.1\"\nhost_key = "
                         "\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBgGUyVWxGaZqL0Vz0c3uWm8m5FJbBxT9w4yV0vYb0aN\"\n")
                  .ok());
  const Output refused = program.run({"submit", "--lab=" + lab.string(), "--filter=Addresses.PlainKexecMovesNothing"});
  EXPECT_EQ(refused.status.code, 2);
  EXPECT_THAT(refused.err, HasSubstr("no licence for 1 host of the lab: n07:1"));
  EXPECT_EQ(Cluster::ask({"squeue", "--noheader"}), "");
}

}  // namespace
}  // namespace holdfast::e2e
