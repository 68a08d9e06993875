// What does `holdfast submit` do?
//
// The kernels of a plan are made first, here: which cases a kernel can run decides which jobs there are, a mistake is
// told to who submits, and the trees are likely to be on this computer alone. Then what `run` would run becomes arrays
// of jobs: scripts and what is expected of them go into a folder that all nodes see, each task is a `holdfast run
// --shard I/N --continue` in a folder of its own there, and a last job merges what the others left. While it waits it
// only looks on: whatever becomes of it, the jobs and their last one go on.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>

#include "harness/base/digest.h"
#include "harness/base/file.h"
#include "harness/base/text.h"
#include "harness/program/night/kernels.h"
#include "harness/program/night/known_failures.h"
#include "harness/program/program.h"
#include "harness/program/submit/submission.h"
#include "harness/program/submit/wishes.h"
#include "lab/nightly/jobs.h"
#include "lab/nightly/known.h"
#include "lab/slurm/queue.h"
#include "reports/artifacts.h"
#include "reports/printer.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
namespace slurm = lab::slurm;

constexpr Millis kLookAgain{2'000};
/// A controller that starts again, or fails over.
constexpr Millis kClusterAway{600'000};
constexpr Millis kCancelLimit{120'000};
/// Of the last job. Results of a night are read one run after another.
constexpr int kMergeMib = 1024;
constexpr std::chrono::minutes kMergeLimit{60};
constexpr const char* kPlanFile = "plan.toml";

/// What the newest submission or run in that folder took.
Result<reports::ExpectedTimes> known_times(const SubmitOptions& options) {
  if (!options.run.times.empty()) return TRY_IN("--times", reports::times_of_run(options.run.times));
  std::set<fs::path> merged;
  std::error_code failed;
  for (fs::directory_iterator it(options.run.out, failed), end; !failed && it != end; it.increment(failed)) {
    const fs::path file = it->path() / "merged/junit.xml";
    if (it->path().filename().string().starts_with("submit-") && fs::exists(file)) merged.insert(file);
  }
  if (!merged.empty()) {
    if (auto times = reports::times_of_run(*merged.rbegin())) return *std::move(times);
  }
  return reports::times_of_earlier_run(options.run.out / "latest");
}

slurm::Job merge_job(const fs::path& dir, std::vector<std::string> after, const std::vector<std::string>& further) {
  slurm::Job job;
  job.name = "holdfast-merge";
  job.about = "puts together what all tasks left, however they ended";
  job.argv = {own_path().string(), "submit", "--merge=" + dir.string()};
  job.memory_mib = kMergeMib;
  job.limit = kMergeLimit;
  job.log = dir / "merge.log";
  job.after = std::move(after);
  job.further = further;
  return job;
}

void show(Program& program, const slurm::Job& job, const fs::path& script) {
  auto argv = slurm::sbatch_argv(job);
  argv.push_back(script.string());
  program.out.text(fmt::format("# {}\n{}\n", shell_quote(argv), slurm::script_of(job)));
}

/// A submission on its way.
class Submission {
 public:
  Submission(Program& program, slurm::Queue& queue, const SubmitOptions& options, fs::path dir)
      : program_(program), queue_(queue), options_(options), dir_(std::move(dir)) {}

  Result<void> submit(std::vector<TaskArray>& arrays) {
    auto done = submit_all(arrays);
    if (!done && !jobs_.empty()) cancel();  // a part of a whole would only be in the way
    return done;
  }

  /// Until all is over. Errors: harness.stopped, lab.slurm.
  Result<void> wait() {
    reports::Progress progress(program_.err, "submit", std::chrono::seconds(30));
    auto answered = Deadline::Clock::now();
    while (true) {
      const auto tasks = queue_.tasks(jobs_, program_.patience());
      if (tasks) answered = Deadline::Clock::now();
      if (tasks && tasks->empty()) {
        progress.done(fmt::format("{} tasks are over", tasks_ - 1));
        return {};
      }
      if (program_.stop.requested()) return wait_error(Wake::kStopped, "the cluster");
      if (!tasks && Deadline::Clock::now() - answered > kClusterAway) return tasks.error();
      progress.update(tasks ? told(*tasks) : tasks.error().what);
      if (wait_until(program_.patience().at_most(kLookAgain)) == Wake::kStopped) {
        return wait_error(Wake::kStopped, "the cluster");
      }
    }
  }

  /// Ends all jobs, and waits until they have left hosts and files in order.
  void cancel() {
    const Deadline deadline = Deadline::after(kCancelLimit);
    if (auto cancelled = queue_.cancel(jobs_, deadline); !cancelled) {
      reports::print_error(program_.err, cancelled.error());
      return;
    }
    while (!deadline.expired()) {
      const auto tasks = queue_.tasks(jobs_, deadline);
      if (tasks && tasks->empty()) return;
      wait_until(deadline.at_most(kLookAgain));
    }
    program_.err.line(fmt::format("not over yet: `squeue --jobs={}`", join(jobs_, ",")));
  }

 private:
  Result<void> submit_all(std::vector<TaskArray>& arrays) {
    for (TaskArray& array : arrays) {
      TRY(reports::write_expected(array.folder, array.expected, array.kernels));
      if (array.to_run > 0) TRY(submit_job(array.job, array.folder / "job.sh"));
    }
    return submit_job(merge_job(dir_, jobs_, options_.sbatch), dir_ / "merge.sh");
  }

  Result<void> submit_job(const slurm::Job& job, const fs::path& script) {
    TRY(write_file(script, slurm::script_of(job)));
    jobs_.push_back(TRY(queue_.submit(slurm::sbatch_argv(job), script, program_.patience())));
    tasks_ += job.tasks;
    names_ += fmt::format("{} {} {}\n", jobs_.back(), job.name, job.tasks);
    return write_file_atomic(dir_ / "jobs", names_);
  }

  std::string told(const std::vector<slurm::TaskState>& tasks) const {
    const auto running = std::ranges::count_if(tasks, [](const slurm::TaskState& task) { return task.running(); });
    std::set<std::string> reasons;
    for (const slurm::TaskState& task : tasks) {
      if (!task.running() && task.reason != "Dependency" && task.reason != "None") reasons.insert(task.reason);
    }
    const auto waiting = static_cast<long>(tasks.size()) - running;
    return fmt::format("{} of {} tasks over, {} running, {} waiting{}", tasks_ - static_cast<long>(tasks.size()),
                       tasks_, running, waiting,
                       reasons.empty() ? "" : fmt::format(" ({})", join({reasons.begin(), reasons.end()}, ", ")));
  }

  Program& program_;
  slurm::Queue& queue_;
  const SubmitOptions& options_;
  fs::path dir_;
  std::vector<std::string> jobs_;
  std::string names_;
  long tasks_ = 0;
};

/// Each host's licence, and which nodes are hosts themselves.
Result<void> fit_to_cluster(std::vector<TaskArray>& arrays, const lab::Inventory& inventory, slurm::Queue& queue,
                            const Deadline& deadline) {
  std::vector<std::string> hosts;
  for (const TaskArray& array : arrays) {
    const bool is_new = std::ranges::find(hosts, array.host) == hosts.end();
    if (!array.host.empty() && array.to_run > 0 && is_new) hosts.push_back(array.host);
  }
  if (!hosts.empty()) TRY(slurm::check_licenses(hosts, TRY(queue.licenses(deadline))));
  std::set<std::string> names;
  for (const lab::Host& host : inventory.hosts) names.insert({host.name, host.ssh.host.address});
  const auto exclude = slurm::nodes_among(TRY(queue.nodes(deadline)), names);
  for (TaskArray& array : arrays) array.job.exclude = exclude;
  return {};
}

/// The plan as it was, when it was submitted, for its known failures.
Result<reports::KnownFailure> known_failures_in(const fs::path& dir) {
  std::error_code unknown;
  if (!fs::exists(dir / kPlanFile, unknown)) return reports::KnownFailure();
  return known_failures_of(TRY(lab::read_night_plan(dir / kPlanFile)));
}

Result<int> merge(Program& program, const fs::path& dir) {
  const auto answer = TRY(reports::report_submission(dir, TRY(known_failures_in(dir))));
  print_lines(program.out, answer.text);
  return answer.exit_code;
}

Result<int> submit_arrays(Program& program, const SubmitOptions& options, std::vector<TaskArray> arrays,
                          const SubmissionGround& ground, slurm::Queue& queue, const std::string& plan) {
  TRY(fit_to_cluster(arrays, ground.inventory, queue, program.patience()));
  TRY(make_dirs(ground.dir));
  TRY(reports::write_times(ground.times_file, ground.times));
  if (!plan.empty()) TRY(write_file(ground.dir / kPlanFile, plan));
  Submission submission(program, queue, options, ground.dir);
  TRY(submission.submit(arrays));
  program.err.line(fmt::format("submitted: {}", ground.dir.string()));
  if (options.no_wait) return 0;
  const auto over = submission.wait();
  if (over) return merge(program, ground.dir);
  if (over.error().kind != "stopped") return over.error();
  submission.cancel();
  if (auto merged = merge(program, ground.dir); !merged) return std::move(merged).error();
  return 130;
}

/// A plan and its kernels, here by now or known not to be.
struct PlanAtHand {
  lab::NightPlan plan;
  std::vector<lab::NightJob> jobs;
  ReadyKernels kernels;
  std::vector<reports::ExpectedCase> missing;  ///< kernels that could not be made, each a case of its own
};

Result<std::vector<lab::NightJob>> jobs_of(const SubmitOptions& options, const lab::NightPlan& plan,
                                           const lab::Inventory& inventory) {
  const auto known = known_machines(inventory, options.run.machine, 1);
  std::vector<std::string> usual;
  for (const Machine& machine : TRY(chosen_machines(known, options.run.targets))) usual.push_back(machine.profile.name);
  return lab::jobs_of(plan, profiles_of(known), usual);
}

bool is_needed(const lab::NightKernel& kernel, const std::vector<lab::NightJob>& jobs) {
  return std::ranges::any_of(
      jobs, [&](const lab::NightJob& job) { return job.kernel == &kernel || job.next_kernel == &kernel; });
}

Verdict verdict_of(const Error& error, const Deadline& deadline) {
  if (error.kind != "timeout" || !deadline.expired()) return Verdict::from(error);
  Verdict verdict = Verdict::from(cannot("out of time: the night's budget is used up"));
  verdict.type = kOutOfTimeType;
  return verdict;
}

/// Makes the kernels, one after another. One that cannot be made is told, and leaves the others to be tested; errors
/// are the user's own: a tree or a file that is not there.
Result<void> make_kernels(Program& program, const Deadline& deadline, PlanAtHand& at_hand) {
  for (const lab::NightKernel& kernel : at_hand.plan.kernels) TRY(check_kernel_of_night(kernel, program.patience()));
  for (const lab::NightKernel& kernel : at_hand.plan.kernels) {
    if (!is_needed(kernel, at_hand.jobs)) continue;
    reports::Progress progress(program.err, "kernel " + kernel.name);
    const ProgressSink show = [&](const Progress& now) { progress.update(join_words({now.step, now.detail})); };
    auto ready = prepare_kernel(kernel, at_hand.plan.name, deadline, show);
    if (!ready && ready.error().kind == "stopped") return std::move(ready).error();
    if (ready) {
      for (const std::string& warning : ready->warnings) program.err.line("warning: " + warning);
    } else {
      reports::print_error(program.err, ready.error());
      at_hand.missing.push_back({.suite = "kernels/" + kernel.name,
                                 .target = "kernels",
                                 .id = {"Night", "KernelIsThere", ""},
                                 .result = verdict_of(ready.error(), deadline)});
    }
    at_hand.kernels.emplace(kernel.name, std::move(ready));
  }
  return {};
}

/// What would be made is not made for a look at it.
Result<void> look_at_kernels(Program& program, PlanAtHand& at_hand) {
  using Kind = lab::NightKernel::Kind;
  for (const lab::NightKernel& kernel : at_hand.plan.kernels) {
    TRY(check_kernel_of_night(kernel, program.patience()));
    if (kernel.kind == Kind::kStored) {
      at_hand.kernels.emplace(kernel.name, prepare_kernel(kernel, at_hand.plan.name, program.patience(), {}));
      continue;
    }
    program.out.line(fmt::format("# kernel {}: {} first, on this computer", kernel.name,
                                 kernel.kind == Kind::kBranch ? "is fetched and built" : "is unpacked"));
    at_hand.kernels.emplace(kernel.name, cannot("it is made when this is submitted"));
  }
  return {};
}

Result<std::vector<TaskArray>> arrays_of(Program& program, const SubmitOptions& options,
                                         const std::vector<Wish>& wishes, const SubmissionGround& ground) {
  std::vector<TaskArray> arrays;
  for (const Wish& wish : wishes) {
    for (TaskArray& array : TRY(arrays_for(wish, ground, program.patience()))) {
      array.job.further = options.sbatch;
      arrays.push_back(std::move(array));
    }
  }
  return arrays;
}

int dry_run(Program& program, const SubmitOptions& options, const std::vector<Wish>& wishes,
            const std::vector<TaskArray>& arrays, const fs::path& dir) {
  for (const TaskArray& array : arrays) {
    if (array.to_run > 0) show(program, array.job, array.folder / "job.sh");
  }
  for (const Wish& wish : wishes) {
    if (!wish.without_kernel) continue;
    program.out.line(fmt::format("# {}: {} cases on {}; how many jobs is known when its kernel is there",
                                 wish.job->name(), wish.without_kernel->plan.cases.size(),
                                 join(wish.job->targets, ", ")));
  }
  show(program, merge_job(dir, {"JOBS"}, options.sbatch), dir / "merge.sh");
  return 0;
}

}  // namespace

Result<int> submit_verb(Program& program, const SubmitOptions& options) {
  if (!options.merge.empty()) return merge(program, fs::absolute(options.merge).lexically_normal());
  const auto begun = std::chrono::system_clock::now();
  const lab::Inventory inventory = TRY(lab::read_inventory(options.run.lab));
  std::unique_ptr<slurm::Queue> queue;
  PlanAtHand at_hand;
  std::vector<Wish> wishes;
  if (options.plan.empty()) {
    wishes = wishes_of_flags(options);
  } else {
    at_hand.plan = TRY(lab::read_night_plan(options.plan));
    at_hand.jobs = TRY(jobs_of(options, at_hand.plan, inventory));
    // A cluster that does not answer is told before a kernel is built.
    if (!options.run.dry_run) queue = TRY(slurm::connect(program.patience()));
    const auto& budget = at_hand.plan.budget;
    const Deadline deadline = budget ? Deadline::after(*budget, &program.stop) : program.patience();
    TRY(options.run.dry_run ? look_at_kernels(program, at_hand) : make_kernels(program, deadline, at_hand));
    wishes = TRY(wishes_of_plan(options, at_hand.plan, at_hand.jobs, at_hand.kernels, inventory, begun));
    for (const std::string& warning : lab::expired_rules(at_hand.plan, today()))
      program.err.line("warning: " + warning);
  }
  const auto times = TRY(known_times(options));
  const OtherKernels others = TRY(find_other_kernels(all_cases(), program.patience()));
  const auto stamp = reports::folder_stamp(std::chrono::system_clock::now());
  const fs::path dir =
      fs::absolute(options.run.out).lexically_normal() / fmt::format("submit-{}-{}", stamp, random_hex(3));
  const SubmissionGround ground{.inventory = inventory,
                                .others = others,
                                .times = times,
                                .dir = dir,
                                .times_file = dir / "times.jsonl",
                                .tasks = options.tasks};
  auto arrays = TRY(arrays_of(program, options, wishes, ground));
  if (std::ranges::all_of(arrays, [](const TaskArray& array) { return array.expected.empty(); })) {
    reports::print_error(program.err,
                         usage_error("no case is selected").because("`holdfast list cases` shows them all"));
    return 3;
  }
  if (options.run.dry_run) return dry_run(program, options, wishes, arrays, dir);
  for (reports::ExpectedCase& kernel : at_hand.missing) {
    TaskArray array;
    array.folder = dir / lab::slurm::license_of("kernel-" + kernel.suite.substr(kernel.suite.find('/') + 1));
    array.expected = {std::move(kernel)};
    arrays.push_back(std::move(array));
  }
  if (!queue) queue = TRY(slurm::connect(program.patience()));
  return submit_arrays(program, options, std::move(arrays), ground, *queue, at_hand.plan.text);
}

}  // namespace holdfast
