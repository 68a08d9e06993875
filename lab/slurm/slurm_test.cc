// Does Slurm get asked for the right thing, and do shells and clusters read it as it was meant?
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <ctime>

#include "harness/base/file.h"
#include "harness/base/process.h"
#include "harness/base/text.h"
#include "lab/slurm/job.h"
#include "lab/slurm/packing.h"
#include "lab/slurm/queue.h"

namespace holdfast::lab::slurm {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

Job sample_job() {
  Job job;
  job.name = "holdfast-k1-vms";
  job.about = "cases of vm-a";
  job.argv = {"/opt/hold fast/holdfast", "run", "--append=a'b $HOME `id` \"c\"", "--shard={task}/24"};
  job.tasks = 24;
  job.cpus = 2;
  job.memory_mib = 812;
  job.limit = minutes(17);
  job.log = "/out/100%/task-{task}.log";
  return job;
}

TEST(SlurmScript, IsReadByAShellAsItWasMeant) {
  Job job = sample_job();
  const TempDir dir = *TempDir::create("holdfast-slurm");
  // Prints each of its words between brackets.
  const auto printer = dir.path() / "print it";
  ASSERT_TRUE(write_file(printer, "#!/bin/sh\nfor word; do printf '[%s]\\n' \"$word\"; done\n").ok());
  std::filesystem::permissions(printer, std::filesystem::perms::owner_all);
  job.argv[0] = printer.string();
  job.about = "two\nlines; rm -rf /";
  ASSERT_TRUE(write_file(dir.path() / "script", script_of(job)).ok());
  const auto output =
      run({.argv = {"/bin/sh", (dir.path() / "script").string()}, .env = {{"SLURM_ARRAY_TASK_ID", "7"}}},
          Deadline::after(Millis(10'000)));
  ASSERT_TRUE(output.ok());
  EXPECT_EQ(output->out, "[run]\n[--append=a'b $HOME `id` \"c\"]\n[--shard=7/24]\n") << output->err;
}

TEST(SlurmScript, TakesTheShellsPlace) {
  EXPECT_THAT(script_of(sample_job()), StartsWith("#!/bin/sh\n# cases of vm-a\nexec ")) << "signals must reach the run";
}

TEST(Sbatch, IsAskedForTheSizeOfTheMachineAndToRequeue) {
  const auto argv = sbatch_argv(sample_job());
  EXPECT_THAT(argv, Contains("--array=1-24"));
  EXPECT_THAT(argv, Contains("--cpus-per-task=2"));
  EXPECT_THAT(argv, Contains("--mem=812M"));
  EXPECT_THAT(argv, Contains("--time=17"));
  EXPECT_THAT(argv, Contains("--requeue"));
  EXPECT_THAT(argv, Contains("--open-mode=append"));
  EXPECT_THAT(argv, Contains("--signal=B:TERM@90"));
  EXPECT_THAT(argv, Contains("--output=/out/100%%/task-%a.log"));
  EXPECT_THAT(argv, Not(Contains(StartsWith("--licenses"))));
  EXPECT_THAT(argv, Not(Contains(StartsWith("--dependency"))));
}

TEST(Sbatch, IsToldOfLicencesNodesAndWhatComesBefore) {
  Job job = sample_job();
  job.licenses = {"n07", "n08"};
  job.exclude = {"n07"};
  job.after = {"17", "18"};
  job.further = {"--time=3"};
  const auto argv = sbatch_argv(job);
  EXPECT_THAT(argv, Contains("--licenses=n07:1,n08:1"));
  EXPECT_THAT(argv, Contains("--exclude=n07"));
  EXPECT_THAT(argv, Contains("--dependency=afterany:17:18")) << "whatever became of them";
  EXPECT_EQ(argv.back(), "--time=3") << "of two the last one counts";
}

TEST(Sbatch, IsToldUntilWhenItIsWorthABegin) {
  Job job = sample_job();
  std::tm day{};
  day.tm_year = 2031 - 1900;
  day.tm_mon = 4;
  day.tm_mday = 17;
  day.tm_hour = 6;
  day.tm_isdst = -1;
  job.deadline = std::chrono::system_clock::from_time_t(std::mktime(&day));
  EXPECT_THAT(sbatch_argv(job), Contains("--deadline=2031-05-17T06:00:00")) << "in this computer's time zone";
  EXPECT_THAT(sbatch_argv(sample_job()), Not(Contains(StartsWith("--deadline"))));
}

Plan plan_of(int cases, const std::string& target = "vm") {
  static const CaseInfo info{};
  Plan plan;
  for (int i = 0; i < cases; ++i) {
    plan.cases.push_back({.target = target,
                          .info = &info,
                          .id = {"Suite", fmt::format("Case{}", i), ""},
                          .devices = {},
                          .skip_reason = {}});
  }
  return plan;
}

CaseTimes times_of(const Plan& plan, milliseconds each) {
  CaseTimes times;
  for (const PlannedCase& planned : plan.cases) times[{planned.target, planned.id.key()}] = each;
  return times;
}

TEST(Packing, MakesTasksOfTenMinutes) {
  const Crew vms{.name = "vms", .targets = {"vm"}};
  const Plan plan = plan_of(100);
  const auto slow = times_of(plan, minutes(1));
  EXPECT_EQ(pack(plan, slow, vms, 0).tasks, 11);
  EXPECT_EQ(pack(plan, times_of(plan, milliseconds(100)), vms, 0).tasks, 1) << "not worth a second start";
  EXPECT_EQ(pack(plan, slow, vms, 24).tasks, 24) << "as the user wishes";
  EXPECT_EQ(pack(plan_of(3), {}, vms, 24).tasks, 3) << "a task without a case is none";
  EXPECT_EQ(pack(plan_of(5000), times_of(plan_of(5000), minutes(20)), vms, 0).tasks, kMostTasks);
}

TEST(Packing, LimitsATaskByThreeTimesWhatItTook) {
  const Crew vms{.name = "vms", .targets = {"vm"}};
  const Plan plan = plan_of(10);
  EXPECT_EQ(pack(plan, times_of(plan, minutes(1)), vms, 5).limit, minutes(10 + 3 * 2));
  EXPECT_EQ(pack(plan, {}, vms, 5).limit, minutes(10 + 3 * 2)) << "a minute for what is not known";
  Plan one_slow = plan;
  auto times = times_of(plan, milliseconds(1));
  times[{"vm", "Suite.Case3"}] = minutes(20);
  EXPECT_GE(pack(one_slow, times, vms, 5).limit, minutes(70)) << "the slowest task counts";
}

TEST(Packing, IsTheDealThatEachTaskMakesByItself) {
  const Plan plan = plan_of(50);
  const auto times = times_of(plan, milliseconds(1234));
  const Packing packing = pack(plan, times, {.name = "vms", .targets = {"vm"}}, 6);
  EXPECT_EQ(packing.deal.digest, deal_plan(plan, 6, times, {}).digest);
}

TEST(Packing, GivesAHostOneTaskAndItsLicence) {
  const Crew host{.name = "n07", .targets = {"n07"}, .is_host = true};
  const Plan plan = plan_of(30, "n07");
  const Packing packing = pack(plan, times_of(plan, minutes(9)), host, 24);
  EXPECT_EQ(packing.tasks, 1);
  const Job job = job_of(host, packing);
  EXPECT_THAT(job.licenses, ElementsAre("n07"));
  EXPECT_GE(job.limit, minutes(3 * 30 * 9));
}

TEST(Packing, AsksForTheMachinesCoresAndMemory) {
  const Crew vms{.name = "vms", .targets = {"vm"}, .cpus = 4, .memory_mib = 2048};
  const Job job = job_of(vms, pack(plan_of(2), {}, vms, 2));
  EXPECT_EQ(job.cpus, 4);
  EXPECT_GT(job.memory_mib, 2048) << "QEMU takes some for itself";
  EXPECT_TRUE(job.licenses.empty());
}

TEST(Licenses, ThatAreMissingAreToldWithTheLineThatAddsThem) {
  EXPECT_EQ(license_of("n07"), "n07");
  EXPECT_EQ(license_of("n07:2,x"), "n07_2_x");
  EXPECT_TRUE(check_licenses({"n07"}, {"n07", "matlab"}).ok());
  const auto missing = check_licenses({"n07", "n08", "n09"}, {"n08"});
  ASSERT_FALSE(missing.ok());
  EXPECT_THAT(missing.error().what, HasSubstr("n07:1, n09:1"));
  EXPECT_THAT(missing.error().hint, HasSubstr("n07:1,n09:1"));
}

TEST(Nodes, ThatAreLabHostsDriveNone) {
  const std::vector<Node> nodes{{"c1", "10.0.0.1"}, {"n07", "10.0.0.7"}, {"x", "n08.lab.example"}};
  EXPECT_THAT(nodes_among(nodes, {"n07", "n08.lab.example", "n09"}), ElementsAre("n07", "x"));
  EXPECT_TRUE(nodes_among(nodes, {"n09"}).empty());
  EXPECT_TRUE(nodes_among({{"n1", "127.0.0.1"}}, {"n09", "127.0.0.1"}).empty()) << "a port that leads on";
}

TEST(Commands, AreReadBack) {
  const auto tasks = parse_tasks("17_3|RUNNING|None\n17_4|PENDING|Licenses\n\nnot a row\n");
  ASSERT_EQ(tasks.size(), 2U);
  EXPECT_EQ(tasks[0].id, "17_3");
  EXPECT_TRUE(tasks[0].running());
  EXPECT_EQ(tasks[1].reason, "Licenses");
  EXPECT_FALSE(tasks[1].running());
  EXPECT_THAT(parse_licenses("LicenseName=n07 Total=1 Used=0 Free=1\nLicenseName=a-b Total=2\n"),
              ElementsAre("a-b", "n07"));
  EXPECT_TRUE(parse_licenses("No licenses configured in Slurm.\n").empty());
  const auto nodes = parse_nodes("c1|10.0.0.1\nc1|10.0.0.1\n");
  ASSERT_EQ(nodes.size(), 2U);
  EXPECT_EQ(nodes[0].address, "10.0.0.1");
}

}  // namespace
}  // namespace holdfast::lab::slurm
