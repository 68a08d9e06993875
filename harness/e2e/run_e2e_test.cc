// Does the whole job work on a real kernel, and is its verdict true when something is broken?
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <cstdlib>

#include "harness/base/text.h"
#include "harness/e2e/program.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

int count(const std::map<std::string, CaseReport>& reports, std::string_view verdict) {
  return static_cast<int>(std::ranges::count_if(reports, [&](const auto& r) { return r.second.verdict == verdict; }));
}

/// The schema, when it is beside the source tree or named by HOLDFAST_JUNIT_XSD.
fs::path junit_schema() {
  if (const char* named = std::getenv("HOLDFAST_JUNIT_XSD")) return named;
  return source_dir().parent_path() / "shared/schema/junit-10.xsd";
}

void expect_valid_junit(const fs::path& file) {
  if (!fs::exists(junit_schema())) return;
  const auto checked = run({.argv = {"xmllint", "--noout", "--schema", junit_schema().string(), file.string()}},
                           Deadline::after(Millis(30'000)));
  ASSERT_TRUE(checked) << checked.error().what;
  EXPECT_TRUE(checked->status.success()) << checked->err;
}

TEST(WholeJob, PassesOnTheReferenceKernelAndLeavesItsEvidence) {
  const Program program;
  const Output output = program.run({"run"}, Millis(1'500'000));
  ASSERT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = read_junit(program.junit());
  EXPECT_GE(count(reports, "passed"), 45);
  EXPECT_EQ(count(reports, "skipped"), 0);
  expect_valid_junit(program.junit());

  for (const char* file : {"manifest.json", "junit.xml", "summary.txt", "journal.jsonl", "targets/qemu/console.log"}) {
    EXPECT_TRUE(fs::exists(program.latest() / file)) << file;
  }
  const fs::path attempt = program.latest() / "cases/Preserve.DeviceKeepsItsAddress/nvme/attempt-1";
  for (const char* file : {"console.log", "dmesg.before", "dmesg.after", "pci.before.txt", "pci.after.txt", "pci.diff",
                           "timing.json", "replay.sh"}) {
    EXPECT_TRUE(fs::exists(attempt / file)) << file;
  }
  EXPECT_THAT(*read_file(attempt / "dmesg.after"), HasSubstr("KHO: exec from"));
  const auto lspci =
      run({.argv = {"lspci", "-F", (attempt / "pci.after.txt").string(), "-vvv"}}, Deadline::after(Millis(30'000)));
  ASSERT_TRUE(lspci);
  EXPECT_THAT(lspci->out, HasSubstr("Capabilities:"));
}

TEST(WholeJob, SkipsWithTheMissingOptionOnAStockKernel) {
  const Program program;
  const Output output = program.run({"run", "--kernel", "stock"});
  EXPECT_EQ(output.status.code, 0) << output.out << output.err;
  const auto reports = read_junit(program.junit());
  EXPECT_GE(count(reports, "passed"), 3) << "the cases without vfio must run";
  EXPECT_GE(count(reports, "skipped"), 8);
  for (const auto& [name, report] : reports) {
    if (report.verdict != "skipped") continue;
    EXPECT_THAT(report.message, HasSubstr("CONFIG_VFIO_PCI_LIVEUPDATE")) << name;
  }
  expect_valid_junit(program.junit());
}

TEST(WholeJob, EverythingSkippedIsExitFour) {
  const Program program;
  EXPECT_EQ(program.run({"run", "--kernel", "stock", "--filter", "Preserve.*"}).status.code, 4);
}

TEST(Verdict, APanicInTheNextKernelIsTheKernels) {
  const Program program;
  const Output output = program.run({"run", "--filter", "Addresses.PlainKexecMovesNothing", "--timeout-scale", "1.5",
                                     "--next-append", "rdinit=/nonexistent init=/nonexistent"});
  EXPECT_EQ(output.status.code, 1) << output.out;
  const auto reports = read_junit(program.junit());
  ASSERT_EQ(reports.size(), 1U);
  const CaseReport& report = reports.begin()->second;
  EXPECT_EQ(report.verdict, "failure");
  EXPECT_EQ(report.type, "kernel.panic") << report.message;
  EXPECT_THAT(output.out, HasSubstr("--filter Addresses.PlainKexecMovesNothing")) << "no replay command";
  EXPECT_THAT(output.out, HasSubstr("--timeout-scale=1.5")) << "or one that waits less";
}

TEST(Verdict, AHangAfterTheKexecIsTheKernels) {
  const Program program;
  // The second kernel waits for a root device that will never come, without a word to the agent.
  const Output output = program.run({"run", "--filter", "Addresses.PlainKexecMovesNothing", "--timeout-scale", "0.3",
                                     "--next-append", "rdinit=/nonexistent root=/dev/nonexistent rootwait"});
  EXPECT_EQ(output.status.code, 1) << output.out;
  const auto reports = read_junit(program.junit());
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_EQ(reports.begin()->second.type, "kernel.hang") << reports.begin()->second.message;
}

TEST(Verdict, AVmThatDoesNotStartIsTheLabs) {
  const Program program;
  const Output output = program.run({"run", "--filter", "Addresses.PlainKexecMovesNothing", "--memory", "1048576"});
  EXPECT_EQ(output.status.code, 2) << output.out;
  EXPECT_THAT(read_junit(program.junit()).begin()->second.type, StartsWith("lab."));
}

/// True when the journal says that the case has come to the phase.
bool has_begun(const std::string& journal, const std::string& name, const std::string& phase) {
  return std::ranges::any_of(split(journal, '\n'), [&](std::string_view line) {
    return line.find("\"phase-started\"") != std::string_view::npos &&
           line.find("\"phase\":\"" + phase + "\"") != std::string_view::npos &&
           line.find("\"" + name + "\"") != std::string_view::npos;
  });
}

/// Kills QEMU when the given phase of the first case has begun.
class KillIn : public testing::TestWithParam<const char*> {};

TEST_P(KillIn, IsTheLabsAndTheRestStillRuns) {
  const Program program;
  const std::string phase = GetParam();
  std::vector<std::string> words{"run",
                                 "--jobs",
                                 "1",
                                 "--device",
                                 "e1000e",
                                 "--filter",
                                 "Retrieve.DeviceComesBackAndWorks:Addresses.PlainKexecMovesNothing"};
  if (phase == "boot") words.emplace_back("--cold");  // a machine that dies while it is kept is booted instead
  Process run = program.start(words);
  ASSERT_TRUE(program.wait_for_journal([&](const std::string& journal) {
    return has_begun(journal, "DeviceComesBackAndWorks", phase);
  })) << *read_file(program.output_file());
  bool killed = false;
  const auto limit = Deadline::after(Millis(20'000));
  while (!killed && !limit.expired()) {
    for (const pid_t pid : descendants_of(run.pid())) {
      const auto name = read_file("/proc/" + std::to_string(pid) + "/comm");
      if (name && name->starts_with("qemu-system")) killed = ::kill(pid, SIGKILL) == 0;
    }
  }
  ASSERT_TRUE(killed);
  const auto status = run.wait(Deadline::after(Millis(180'000)));
  ASSERT_TRUE(status);
  const auto reports = read_junit(program.junit());
  const auto hit = reports.find("Retrieve.e1000e.DeviceComesBackAndWorks");
  ASSERT_NE(hit, reports.end());
  EXPECT_EQ(hit->second.verdict, "error") << phase << ": " << hit->second.message;
  EXPECT_EQ(hit->second.type, "lab.vm-killed");
  EXPECT_EQ(reports.at("Addresses.PlainKexecMovesNothing").verdict, "passed");
  EXPECT_EQ(status->code, 2);
}

INSTANTIATE_TEST_SUITE_P(Phases, KillIn,
                         testing::Values("boot", "snapshot", "bind", "preserve", "load", "kexec", "wait", "verify",
                                         "retrieve", "exercise", "finish"),
                         [](const auto& phase) { return std::string(phase.param); });

TEST(Interrupt, LeavesNothingBehindButTheReportOfWhatWasDone) {
  const Program program;
  Process run = program.start({"run", "--jobs", "2"});
  // One case is done and another one is between its kernels, so that there is both a result and a machine.
  ASSERT_TRUE(program.wait_for_journal([](const std::string& journal) {
    const auto settled = journal.find("case-settled");
    return settled != std::string::npos && journal.find("\"phase\":\"wait\"", settled) != std::string::npos;
  })) << *read_file(program.output_file());
  const auto family = descendants_of(run.pid());
  ASSERT_FALSE(family.empty());
  ::kill(run.pid(), SIGINT);
  const auto status = run.wait(Deadline::after(Millis(30'000)));
  ASSERT_TRUE(status);
  EXPECT_EQ(status->code, 130) << status->describe();
  EXPECT_TRUE(all_gone(family, Millis(0))) << "a process outlived the program";
  EXPECT_FALSE(read_junit(program.junit()).empty());
  expect_valid_junit(program.junit());
  for (const auto& entry : fs::recursive_directory_iterator(program.latest())) {
    EXPECT_FALSE(entry.is_socket()) << entry.path();
  }
}

TEST(Killed, TheProgramTakesItsMachinesAlong) {
  const Program program;
  Process run = program.start({"run", "--jobs", "2"});
  ASSERT_TRUE(program.wait_for_journal(
      [](const std::string& journal) { return journal.find("\"phase\":\"bind\"") != std::string::npos; }));
  const auto family = descendants_of(run.pid());
  ASSERT_FALSE(family.empty());
  ::kill(run.pid(), SIGKILL);
  EXPECT_TRUE(all_gone(family)) << "a process outlived the program";
}

}  // namespace
}  // namespace holdfast::e2e
