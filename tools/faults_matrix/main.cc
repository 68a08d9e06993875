// Whatever fails in whichever phase: is the verdict right, and is nothing lost or left?
//
// One combination of a phase and a fault after the other, a few at once, each in a process of its own.
#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <span>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "tools/ctest/places.h"
#include "tools/faults_matrix/cell.h"
#include "tools/faults_matrix/judge.h"
#include "tools/faults_matrix/matrix.h"
#include "tools/faults_matrix/relay.h"

namespace holdfast::faults {
namespace {

namespace fs = std::filesystem;

struct Options {
  std::vector<std::string> only;
  std::string instead;
  bool list = false;
  int jobs = 2;
  int sample = 0;
  unsigned seed = 1;
  double scale = 0.25;
  std::string keep;
  std::string json;
};

/// What came of one combination.
struct Outcome {
  Combination combination;
  std::vector<std::string> complaints;
  std::string verdict;
  double seconds = 0;
};

/// In a process of its own: what is to be told goes to `folder`/outcome.json.
void try_in_child(const Bench& bench, const Combination& combination, const Combination& struck,
                  const fs::path& folder) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  const Observation seen = try_out(bench, struck, folder);
  nlohmann::json told{
      {"complaints", complaints(combination, seen)}, {"verdict", seen.verdict}, {"output", seen.output}};
  static_cast<void>(
      write_file(folder / "outcome.json", told.dump(1, ' ', false, nlohmann::json::error_handler_t::replace)));
}

Outcome read_outcome(const Combination& combination, const fs::path& folder) {
  Outcome outcome{.combination = combination, .complaints = {"its process ended without a word"}, .verdict = "?"};
  const auto text = read_file(folder / "outcome.json");
  const auto told = nlohmann::json::parse(text ? *text : "", nullptr, /*allow_exceptions=*/false);
  if (!told.is_object()) return outcome;
  outcome.complaints = told.value("complaints", std::vector<std::string>{});
  outcome.verdict = told.value("verdict", "?");
  return outcome;
}

/// Set by a signal that asks for the end.
volatile sig_atomic_t asked_to_end = 0;

void end_when_asked() {
  struct sigaction action{};
  action.sa_handler = [](int) { asked_to_end = 1; };  // and waitpid() comes back
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
}

class Matrix {
 public:
  Matrix(const Options& options, Bench bench, fs::path folder)
      : options_(options), bench_(std::move(bench)), folder_(std::move(folder)) {}

  std::vector<Outcome> work_through(const std::vector<Combination>& all) {
    size_t next = 0;
    while ((next < all.size() || !running_.empty()) && asked_to_end == 0) {
      while (next < all.size() && running_.size() < static_cast<size_t>(options_.jobs)) start(all[next++]);
      reap(all.size());
    }
    for (const auto& [child, one] : running_) ::kill(child, SIGTERM);  // what they have started goes with them
    for (const auto& [child, one] : running_) ::waitpid(child, nullptr, 0);
    return std::move(outcomes_);
  }

 private:
  struct Running {
    Combination combination;
    fs::path folder;
    Deadline::Clock::time_point began;
  };

  void start(const Combination& combination) {
    Combination struck = combination;
    for (const FaultRow& row : kFaults) {
      if (row.name == options_.instead) struck.fault = row.fault;
    }
    const fs::path folder = folder_ / fmt::format("{}", ++count_);
    static_cast<void>(make_dirs(folder));
    std::fflush(nullptr);
    const pid_t child = ::fork();
    if (child == 0) {
      for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::signal(signal, SIG_DFL);
      try_in_child(bench_, combination, struck, folder);
      ::_exit(0);
    }
    running_.emplace(child, Running{combination, folder, Deadline::Clock::now()});
  }

  void reap(size_t of) {
    const pid_t child = ::waitpid(-1, nullptr, 0);
    const auto found = running_.find(child);
    if (found == running_.end()) return;
    const Running one = found->second;
    running_.erase(found);
    Outcome outcome = read_outcome(one.combination, one.folder);
    outcome.seconds = std::chrono::duration<double>(Deadline::Clock::now() - one.began).count();
    const bool held = outcome.complaints.empty();
    fmt::print("[{:3}/{}] {:<26} {:<8} {:<28} {:5.1f} s\n", outcomes_.size() + 1, of, one.combination.name(),
               held ? "held" : "NOT HELD", outcome.verdict, outcome.seconds);
    for (const std::string& complaint : outcome.complaints) {
      fmt::print("          {}\n", printable(std::string_view(complaint).substr(0, 600)));
    }
    if (!held && !options_.keep.empty()) fmt::print("          kept in {}\n", one.folder.string());
    std::fflush(stdout);
    std::error_code ignored;
    if (held || options_.keep.empty()) fs::remove_all(one.folder, ignored);
    outcomes_.push_back(std::move(outcome));
  }

  const Options& options_;
  const Bench bench_;
  const fs::path folder_;
  int count_ = 0;
  std::map<pid_t, Running> running_;
  std::vector<Outcome> outcomes_;
};

/// "+" held, "X" not, "-" makes no sense, "." was not asked for.
void print_table(const std::vector<Outcome>& outcomes) {
  fmt::print("\n{:<9}", "");
  for (const FaultRow& row : kFaults) fmt::print(" {:>4}", row.column);
  fmt::print("\n");
  for (const std::string_view phase : kPhases) {
    fmt::print("{:<9}", phase);
    for (const FaultRow& row : kFaults) {
      const auto found = std::ranges::find_if(outcomes, [&](const Outcome& one) {
        return one.combination.phase == phase && one.combination.fault == row.fault;
      });
      const bool sensible = left_out_because({phase, row.fault}).empty();
      const char* mark = !sensible ? "-" : found == outcomes.end() ? "." : found->complaints.empty() ? "+" : "X";
      fmt::print(" {:>4}", mark);
    }
    fmt::print("\n");
  }
  fmt::print("\n+ held, X not held, - left out (tools/faults --list says why), . not asked for\n");
}

void print_list() {
  for (const FaultRow& row : kFaults) fmt::print("{:<16} {}\n", row.name, row.what);
  fmt::print("\n");
  for (const std::string_view phase : kPhases) {
    for (const FaultRow& row : kFaults) {
      const Combination one{phase, row.fault};
      const std::string_view why = left_out_because(one);
      fmt::print("{:<26} {}\n", one.name(), why.empty() ? "" : fmt::format("- {}", why));
    }
  }
  fmt::print("\n{} combinations make sense\n", sensible_combinations().size());
}

void write_json(const std::string& file, const std::vector<Outcome>& outcomes) {
  nlohmann::json all = nlohmann::json::array();
  for (const Outcome& one : outcomes) {
    all.push_back({{"phase", one.combination.phase},
                   {"fault", row_of(one.combination.fault).name},
                   {"held", one.complaints.empty()},
                   {"verdict", one.verdict},
                   {"complaints", one.complaints},
                   {"seconds", one.seconds}});
  }
  if (const auto written = write_file(file, all.dump(1) + "\n"); !written) {
    fmt::print(stderr, "faults: {}\n", written.error().what);
  }
}

int fail(const std::string& what) {
  fmt::print(stderr, "faults: {}\n", what);
  return 2;
}

std::vector<Combination> sampled(std::vector<Combination> all, const Options& options) {
  if (options.sample <= 0) return all;
  std::mt19937 random(options.seed);
  std::ranges::shuffle(all, random);
  all.resize(std::min(all.size(), static_cast<size_t>(options.sample)));
  return all;
}

int work(const Options& options) {
  const std::vector<Combination> all = sampled(chosen(options.only), options);
  if (all.empty()) return fail("no such combination; --list shows them all");
  auto temporary = TempDir::create("holdfast-faults");
  if (!temporary) return fail(temporary.error().what);
  const fs::path folder = options.keep.empty() ? temporary->path() : fs::absolute(options.keep);
  auto bench = set_up(temporary->path(), tested_program());
  if (!bench) return fail(bench.error().what);
  bench->scale = options.scale;
  end_when_asked();
  if (auto warm = warm_up(*bench, temporary->path() / "0"); !warm) return fail(warm.error().what);
  const auto outcomes = Matrix(options, *bench, folder).work_through(all);
  print_table(outcomes);
  if (!options.json.empty()) write_json(options.json, outcomes);
  const auto held = std::ranges::count_if(outcomes, [](const Outcome& one) { return one.complaints.empty(); });
  if (asked_to_end != 0) return fmt::print(stderr, "faults: ended before its end\n"), 130;
  fmt::print("held {} of {}\n", held, outcomes.size());
  return static_cast<size_t>(held) == outcomes.size() ? 0 : 1;
}

int parse_and_work(int argc, char** argv) {
  Options options;
  CLI::App app("Makes faults in each phase of a real run, and looks whether holdfast bears them.", "tools/faults");
  app.add_option("--only", options.only, "PHASE/FAULT, with * for any; may come again");
  app.add_option("--instead", options.instead, "the fault that really strikes: a control of the judge");
  app.add_flag("--list", options.list, "the combinations, and why some are left out");
  app.add_option("--jobs", options.jobs, "at once (default 2)")->check(CLI::Range(1, 64));
  app.add_option("--sample", options.sample, "as many of them, drawn by --seed");
  app.add_option("--seed", options.seed, "of --sample (default 1)");
  app.add_option("--timeout-scale", options.scale, "of holdfast's timeouts and of the 60 s pause (default 0.25)")
      ->check(CLI::Range(0.05, 20.0));
  app.add_option("--keep", options.keep, "the folder in which the runs are kept that were not held");
  app.add_option("--json", options.json, "a file for what came of each");
  CLI11_PARSE(app, argc, argv);
  if (options.list) return print_list(), 0;
  return work(options);
}

}  // namespace
}  // namespace holdfast::faults

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::span words(argv, static_cast<size_t>(argc));
  try {
    if (words.size() > 3 && std::string_view(words[1]) == "relay") {
      const char* folder = std::getenv("HOLDFAST_FAULT_DIR");
      return faults::become_qemu({words.begin() + 2, words.end()}, folder != nullptr ? folder : "");
    }
    return faults::parse_and_work(argc, argv);
  } catch (const std::exception& bug) {
    fmt::print(stderr, "faults: internal error: {}\n", bug.what());
    return 2;
  }
}
