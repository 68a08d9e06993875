// Does a run leave the files that the design promises?
#include "reports/artifacts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <optional>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "reports/sample_events.h"

namespace holdfast::reports {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

class InFolder : public testing::Test {
 protected:
  void SetUp() override {
    auto dir = TempDir::create();
    ASSERT_TRUE(dir.ok());
    dir_.emplace(*std::move(dir));
  }
  const fs::path& path() const { return dir_->path(); }
  std::string text(const fs::path& relative) const {
    const auto text = read_file(path() / relative);
    return text ? *text : text.error().what;
  }
  nlohmann::json json(const fs::path& relative) const { return nlohmann::json::parse(text(relative), nullptr, false); }

  /// Takes a run's events into this folder.
  void tell(const std::vector<Event>& events) {
    Artifacts artifacts(
        path(), {.program_version = "0.1.0", .argv = {"holdfast", "run"}, .host = "lab-1"},
        [this](const Error& error) { trouble_.push_back(error); },
        [] { return WallClock::time_point(std::chrono::seconds(1'000'000'000)); });
    for (const Event& event : events) artifacts.on(event);
  }
  std::optional<TempDir> dir_;
  std::vector<Error> trouble_;
};

using RunFolder = InFolder;

TEST_F(RunFolder, IsMadeAndLatestLeadsToIt) {
  const auto first = create_run_folder(path() / "deep" / "out", "20310517T093000Z", "aaaa");
  ASSERT_TRUE(first.ok()) << first.error().what;
  EXPECT_EQ(*first, path() / "deep/out/20310517T093000Z-aaaa");
  EXPECT_TRUE(fs::is_directory(*first));
  EXPECT_EQ(fs::read_symlink(path() / "deep/out/latest"), "20310517T093000Z-aaaa");
  const auto second = create_run_folder(path() / "deep" / "out", "20310517T093001Z", "bbbb");
  ASSERT_TRUE(second.ok());
  EXPECT_EQ(fs::read_symlink(path() / "deep/out/latest"), "20310517T093001Z-bbbb");
  EXPECT_EQ(std::distance(fs::directory_iterator(path() / "deep/out"), fs::directory_iterator()), 3);
}

TEST_F(RunFolder, IsNeverOneThatIsThereAlready) {
  ASSERT_TRUE(create_run_folder(path(), "stamp", "id").ok());
  const auto again = create_run_folder(path(), "stamp", "id");
  ASSERT_FALSE(again.ok());
  EXPECT_EQ(again.error().errnum, EEXIST);
}

TEST_F(RunFolder, SaysWhatToDoWhenLatestIsAFolder) {
  ASSERT_TRUE(make_dirs(path() / "latest" / "with-content").ok());
  const auto folder = create_run_folder(path(), "stamp", "id");
  ASSERT_FALSE(folder.ok());
  EXPECT_THAT(folder.error().hint, HasSubstr("must be a symlink"));
}

using Artifact = InFolder;

TEST_F(Artifact, ManifestIsThereFromTheStart) {
  tell({sample::run_started(path())});
  const auto manifest = json("manifest.json");
  EXPECT_EQ(manifest["run_id"], "k3f9");
  EXPECT_EQ(manifest["program_version"], "0.1.0");
  EXPECT_EQ(manifest["command_line"], (nlohmann::json{"holdfast", "run"}));
  EXPECT_EQ(manifest["host"], "lab-1");
  EXPECT_EQ(manifest["started"], "2001-09-09T01:46:40Z");
  EXPECT_FALSE(manifest.contains("ended"));
  EXPECT_FALSE(manifest.contains("exit_code"));
}

TEST_F(Artifact, ManifestSaysHowItEnded) {
  tell({sample::run_started(path()), SuiteFacts{.suite = sample::kSuite, .properties = {{"kernel.release", "7.3"}}},
        sample::settled(sample::kKeeps, {sample::hang()}), sample::run_ended(130, {.failed = 1})});
  const auto manifest = json("manifest.json");
  EXPECT_EQ(manifest["ended"], "2001-09-09T01:46:40Z");
  EXPECT_EQ(manifest["exit_code"], 130);
  EXPECT_EQ(manifest["interrupted"], true);
  EXPECT_EQ(manifest["tally"]["failed"], 1);
  EXPECT_EQ(manifest["suites"][0]["name"], sample::kSuite);
  EXPECT_EQ(manifest["suites"][0]["properties"]["kernel.release"], "7.3");
  EXPECT_TRUE(trouble_.empty());
}

TEST_F(Artifact, TimingHasThePhasesOfItsAttemptInOrder) {
  const Where first = sample::at(sample::kKeeps, 1);
  const Where second = sample::at(sample::kKeeps, 2);
  tell({PhaseEnded{.where = first, .phase = "kexec", .took = milliseconds(11), .ok = false},
        sample::attempt(first, sample::vm_killed()),
        PhaseEnded{.where = second, .phase = "snapshot", .took = milliseconds(22)},
        PhaseEnded{.where = second, .phase = "boot", .took = milliseconds(33)},
        sample::attempt(second, Verdict::passed(), 77)});
  const auto one = json(attempt_dir(first) + "/timing.json");
  EXPECT_EQ(one["phases"], nlohmann::json::parse(R"([{"phase": "kexec", "ms": 11, "ok": false}])"));
  EXPECT_EQ(one["outcome"], "error");
  const auto two = json(attempt_dir(second) + "/timing.json");
  EXPECT_EQ(two["phases"][0]["phase"], "snapshot");
  EXPECT_EQ(two["phases"][1]["ms"], 33);
  EXPECT_EQ(two["took_ms"], 77);
}

TEST_F(Artifact, ReplayRunsTheCommandAndNoOther) {
  CaseSettled settled = sample::settled({"S", "N\necho from-the-name", ""}, {Verdict::passed()});
  settled.attempts[0].dir = "cases/x/none/attempt-1";
  settled.replay = "echo replayed\necho from-the-next-line";
  tell({settled});
  const fs::path script = path() / "cases/x/none/attempt-1/replay.sh";
  const auto output = run({.argv = {script.string()}}, Deadline::after(std::chrono::seconds(10)));
  ASSERT_TRUE(output.ok()) << output.error().what;
  EXPECT_EQ(output->out, "replayed echo from-the-next-line\n");
}

TEST_F(Artifact, NothingIsWrittenOutsideTheRunsFolder) {
  const fs::path run_dir = path() / "run";
  ASSERT_TRUE(make_dirs(run_dir).ok());
  for (const std::string& dir :
       {std::string("../escaped"), std::string("cases/../../escaped"), (path() / "escaped").string()}) {
    AttemptEnded attempt = sample::attempt(sample::at(sample::kKeeps), Verdict::passed());
    attempt.dir = dir;
    std::vector<Error> told;
    Artifacts(run_dir, {}, [&](const Error& error) { told.push_back(error); }).on(attempt);
    ASSERT_EQ(told.size(), 1U) << dir;
    EXPECT_EQ(told[0].type(), "harness.path");
    EXPECT_FALSE(fs::exists(path() / "escaped"));
  }
}

TEST_F(Artifact, SummaryCanGoIntoAMail) {
  tell({sample::run_started(path()), sample::settled(sample::kKeeps, {sample::hang()}),
        sample::settled(sample::kMemfd, {Verdict::passed()}), sample::planned_skip({"Preserve", "A", "nvme"}),
        sample::planned_skip({"Preserve", "B", "nvme"}), Note{.level = Note::Level::kWarning, .text = "no KVM"},
        sample::run_ended(1)});
  const std::string summary = text("summary.txt");
  EXPECT_THAT(summary,
              AllOf(HasSubstr("holdfast run k3f9: 1 passed, 1 failed, 0 errors, 2 skipped\n"),
                    HasSubstr("FAIL  Preserve.DeviceKeepsItsAddress/e1000e\n"),
                    HasSubstr("      kernel.hang: kernel B was silent"), HasSubstr("      replay: holdfast run"),
                    HasSubstr("SKIP  CONFIG_VFIO_PCI_LIVEUPDATE is off: Preserve.A/nvme, Preserve.B/nvme\n"),
                    HasSubstr("warning: no KVM\n"), HasSubstr("Exit:   1, a kernel broke its promise\n"),
                    HasSubstr("junit.xml\n"), Not(HasSubstr("MemfdSurvives"))));
}

TEST_F(Artifact, TellsOnceThatItCannotBeWritten) {
  int told = 0;
  Artifacts artifacts("/proc/nonexistent/run", {}, [&](const Error&) { ++told; });
  artifacts.on(sample::run_started("/proc/nonexistent/run"));
  artifacts.on(sample::attempt(sample::at(sample::kKeeps), Verdict::passed()));
  artifacts.on(RunEnded{});
  EXPECT_EQ(told, 1);
}

}  // namespace
}  // namespace holdfast::reports
