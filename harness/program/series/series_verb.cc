// What does `holdfast series` do?
//
// Steps: a mistake in the command line is told before anything is built; the patches are read and applied; each is
// built and tested; what was found is written in five forms, also when the work had to end early.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "harness/base/digest.h"
#include "harness/base/text.h"
#include "harness/bisect/revisions.h"
#include "harness/case_registry.h"
#include "harness/kernel/kernel_verbs.h"
#include "harness/program/kernel_workshop.h"
#include "harness/program/program.h"
#include "harness/program/series/workshop.h"
#include "harness/series/study.h"
#include "harness/series/wishes.h"
#include "reports/junit.h"
#include "reports/series/series_json.h"
#include "reports/series/series_page.h"
#include "reports/series/series_text.h"
#include "reports/words.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

struct Range {
  std::string from;
  std::string to;
};

/// Ids of both ends of "A..B", where an end that is left out is HEAD, as for git.
Result<Range> range_of(const SeriesOptions& options, const Deadline& deadline) {
  const size_t dots = options.range.find("..");
  if (dots == std::string::npos || options.range.find("...") != std::string::npos) {
    return usage_error(fmt::format("'{}' is no range", options.range)).because("--range takes A..B");
  }
  const auto end = [](const std::string& name) { return name.empty() ? std::string("HEAD") : name; };
  const std::string from = end(options.range.substr(0, dots));
  const std::string to = end(options.range.substr(dots + 2));
  return Range{.from = TRY(bisect::commit_of(options.what.tree, from, deadline)),
               .to = TRY(bisect::commit_of(options.what.tree, to, deadline))};
}

/// The commit to begin with: as the user says, else as the range or the mails do.
Result<std::string> base_of(const SeriesOptions& options, const Range& range, const series::PostedSeries& posted,
                            const Deadline& deadline) {
  const fs::path& tree = options.what.tree;
  if (!options.base.empty()) return bisect::commit_of(tree, options.base, deadline);
  if (!range.from.empty()) return range.from;
  if (posted.base_commit.empty()) {
    return usage_error("the mails do not say which commit they are for").because("give it with --base");
  }
  auto base = bisect::commit_of(tree, posted.base_commit, deadline);
  if (!base) return std::move(base).error().because("the mails are for that commit; fetch it, or give another --base");
  return base;
}

std::map<std::string, std::string> levels_for(const series::Study& study) {
  std::map<std::string, std::string> levels;
  for (const series::State& state : study.states) {
    for (const auto& [key, cell] : state.cells) {
      const CaseInfo* info = find_case(key.substr(0, key.find('/')));
      if (info != nullptr) levels[key] = std::string(to_string(info->needs.level));
    }
  }
  return levels;
}

void write_junit(const fs::path& file, const series::Study& study, const fs::path& folder,
                 const reports::OnTrouble& tell) {
  reports::JunitReport junit(file, tell);
  for (const Event& event : reports::series_events(study, folder)) junit.on(event);
}

Result<void> write_findings(Program& program, const SeriesOptions& options, const series::Study& study,
                            const fs::path& folder) {
  const reports::OnTrouble tell = [&program](const Error& error) { reports::print_error(program.err, error); };
  constexpr int kUsualColumns = 100;
  const int columns = program.out.width() > 0 ? program.out.width() : kUsualColumns;
  for (const reports::Line& line : reports::series_lines(study, static_cast<size_t>(std::max(columns, 60)))) {
    program.out.line(line);
  }
  TRY(write_file_atomic(folder / "mail.txt", reports::series_mail(study)));
  TRY(write_file_atomic(folder / "series.json", reports::series_json(study)));
  TRY(write_file_atomic(folder / "report.html", reports::series_page(study, folder)));
  write_junit(folder / "junit.xml", study, folder, tell);
  if (!options.junit.empty()) write_junit(fs::absolute(options.junit), study, folder, tell);
  program.out.line(fmt::format("results: {}", folder.string()));
  program.out.line(fmt::format("  report.html  series.json  junit.xml  mail.txt"));
  return {};
}

Result<fs::path> make_folder(const CaseOnTree& what) {
  const std::string stamp = reports::folder_stamp(std::chrono::system_clock::now());
  const fs::path folder = fs::absolute(what.out) / fmt::format("series-{}-{}", stamp, random_hex(3));
  TRY(make_dirs(folder));
  return folder;
}

}  // namespace

Result<int> series_verb(Program& program, const SeriesOptions& options) {
  const Deadline patience = program.patience();
  if (options.mbox.empty() && options.range.empty()) {
    return usage_error("there is no series to test").because("give --mbox FILE or --range A..B");
  }
  if (const auto targets = TRY(check_cases(options.what)); targets.size() > 1) {
    return usage_error(fmt::format("there are {} targets, and results of several would mix", targets.size()))
        .because("say which one with --target; `holdfast list targets` shows them");
  }
  series::PostedSeries posted;
  Range range;
  if (!options.range.empty()) range = TRY(range_of(options, patience));
  if (!options.mbox.empty()) posted = TRY(series::read_posted(options.mbox, patience));
  const std::string base = TRY(base_of(options, range, posted, patience));

  reports::Progress progress(program.out, "series");
  progress.update("opens a work tree of its own");
  kernel::BuildOptions wanted;
  wanted.tree = options.what.tree;
  wanted.config_if_known = options.what.configs;
  wanted.jobs = static_cast<unsigned>(options.what.jobs);
  IncrementalBuild builder = TRY(kernel::open_incremental(
      wanted, patience, [&](const Progress& now) { progress.update(now.step + " " + now.detail); }));
  if (!options.range.empty()) {
    posted = TRY(series::commits_between(builder.tree(), range.from, range.to, patience));
  }
  progress.update("reads the base, and applies the patches");
  const series::Tell tell = [&](const std::string& text) { program.out.line(text); };
  const std::string subject = TRY(ask_git(builder.tree().dir(), {"show", "--no-patch", "--format=%s", base}, patience));
  series::Study study = TRY(series::apply_all(builder.tree(), posted, base, printable(trim(subject)), patience, tell));
  const auto last = std::ranges::find_if(study.states.rbegin(), study.states.rend(),
                                         [](const series::State& state) { return !state.commit.empty(); });
  TRY(series::check_wishes(builder.tree(), {base, last->commit}, options.what.configs, patience));

  const fs::path folder = TRY(make_folder(options.what));
  SeriesWorkshop workshop(options.what, builder, folder / "runs", progress);
  const series::StudySettings settings{
      .filter = options.what.filter, .tip_only = options.tip, .confirm = options.confirm};
  const auto tested = series::test_all(study, workshop, settings, patience, tell);
  study.levels = levels_for(study);
  TRY(write_findings(program, options, study, folder));
  if (!tested) return tested.error();
  if (!options.keep_kernels) workshop.drop_kernels();
  return series::exit_code_of(study);
}

}  // namespace holdfast
