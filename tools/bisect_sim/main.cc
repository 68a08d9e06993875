// Does the bisection name the culprit, and with how few runs? Thousands of made-up histories, whose truth is known.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <vector>

#include "tools/bisect_sim/simulate.h"

namespace holdfast::bisect_sim {
namespace {

constexpr int kFixedRunsPerStep = 10;

struct Options {
  int histories = 2000;
  size_t commits = 200;
  double lab_rate = 0.1;
  double confidence = 0.99;
  double build_cost = 3;  ///< in runs
  double sure = bisect::Prior{}.sure;
  uint64_t seed = 1;
  std::vector<double> fail_rates = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0};
};

int median(std::vector<int> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::ranges::nth_element(values, middle);
  return *middle;
}

/// What came of all searches with one fail rate, or of all.
struct Row {
  int histories = 0;
  int declared = 0;
  int named = 0;
  int several = 0;  ///< named with others that could not be told apart
  int fixed_named = 0;
  std::vector<int> runs;
  std::vector<int> builds;
  std::vector<int> fixed_runs;

  void add(const Found& found, const Found& fixed) {
    ++histories;
    declared += found.declared ? 1 : 0;
    named += found.declared && found.right ? 1 : 0;
    several += found.declared && found.named > 1 ? 1 : 0;
    fixed_named += fixed.right ? 1 : 0;
    runs.push_back(found.runs);
    builds.push_back(found.builds);
    fixed_runs.push_back(fixed.runs);
  }
  void add(const Row& other) {
    histories += other.histories;
    declared += other.declared;
    named += other.named;
    several += other.several;
    fixed_named += other.fixed_named;
    for (auto [to, from] : {std::pair(&runs, &other.runs), std::pair(&builds, &other.builds),
                            std::pair(&fixed_runs, &other.fixed_runs)}) {
      to->insert(to->end(), from->begin(), from->end());
    }
  }
};

double percent(int part, int whole) { return whole == 0 ? 0 : 100.0 * part / whole; }

void print(const std::string& name, const Row& row) {
  fmt::print("{:>8}  {:>9}  {:>8}  {:>5} ({:5.1f} %)  {:>7}  {:>6}  {:>6}  {:>10}  {:>8.1f} %\n", name, row.histories,
             row.declared, row.named, percent(row.named, row.declared), row.several, median(row.runs),
             median(row.builds), median(row.fixed_runs), percent(row.fixed_named, row.histories));
  std::fflush(stdout);
}

/// Every second history has merges, and of each four one has a stretch that does not build.
Row simulate(const Options& options, double fail_rate, int count, std::mt19937_64& random) {
  Row row;
  bisect::Settings settings;
  settings.confidence = options.confidence;
  settings.revert = false;
  settings.prior.sure = options.sure;
  settings.costs = {.build = options.build_cost, .run = 1};
  for (int i = 0; i < count; ++i) {
    const WorldPlan plan{.commits = options.commits,
                         .fail_rate = fail_rate,
                         .lab_rate = options.lab_rate,
                         .merges = i % 2 == 1,
                         .unbuildable = i % 4 >= 2 && i % 8 < 4};
    const World world = make_world(plan, random);
    row.add(search(world, settings, random), fixed_rule(world, kFixedRunsPerStep, random));
  }
  return row;
}

int simulate_all(const Options& options) {
  fmt::print("{:>8}  {:>9}  {:>8}  {:>15}  {:>7}  {:>6}  {:>6}  {:>10}  {:>10}\n", "p(fail)", "histories", "declared",
             "named", "several", "runs", "builds", "fixed runs", "fixed named");
  std::mt19937_64 random(options.seed);
  Row all;
  const int rates = static_cast<int>(options.fail_rates.size());
  for (int i = 0; i < rates; ++i) {
    const int count = options.histories / rates + (i < options.histories % rates ? 1 : 0);
    const double rate = options.fail_rates[static_cast<size_t>(i)];
    const Row row = simulate(options, rate, count, random);
    print(fmt::format("{:.2f}", rate), row);
    all.add(row);
  }
  print("all", all);
  const int runs = median(all.runs);
  const int fixed = median(all.fixed_runs);
  fmt::print("named {} of {} declared, median runs {}, fixed rule {}\n", all.named, all.declared, runs, fixed);
  // A search that declares next to nothing is never wrong: that does not count as held.
  const bool named = all.named >= options.confidence * all.declared;
  const bool declared = all.declared >= 0.95 * all.histories;
  return named && declared && runs < fixed ? 0 : 1;
}

}  // namespace
}  // namespace holdfast::bisect_sim

int main(int argc, char** argv) {
  holdfast::bisect_sim::Options options;
  CLI::App app("Searches made-up histories for a culprit, and says how often it is named and with how many runs.",
               "bisect-sim");
  app.footer(
      "Runs are medians, those of both ends among them; the fixed rule runs each commit ten times, or until it fails,\n"
      "and knows both ends for nothing. Exit code: 0 when the share named holds the confidence, nearly all are\n"
      "declared and the median is below the fixed rule's; 1 when not.");
  app.add_option("--histories", options.histories, "how many (default 2000)")->check(CLI::Range(1, 1'000'000));
  app.add_option("--commits", options.commits, "in each (default 200)")->check(CLI::Range(20, 20'000));
  app.add_option("--lab-errors", options.lab_rate, "share of runs that the lab spoils (default 0.1)")
      ->check(CLI::Range(0.0, 0.9));
  app.add_option("--confidence", options.confidence, "at which a culprit is named (default 0.99)")
      ->check(CLI::Range(0.5, 0.9999));
  app.add_option("--build-cost", options.build_cost, "of a build, in runs (default 3)")->check(CLI::Range(0.0, 1e6));
  app.add_option("--fail-rates", options.fail_rates, "of a run on a bad commit")->check(CLI::Range(0.0, 1.0));
  app.add_option("--sure", options.sure,
                 "the searcher's belief that a test that fails once fails always (default 0.15)")
      ->check(CLI::Range(0.0, 1.0));
  app.add_option("--seed", options.seed, "for another set of histories (default 1)");
  CLI11_PARSE(app, argc, argv);
  return holdfast::bisect_sim::simulate_all(options);
}
