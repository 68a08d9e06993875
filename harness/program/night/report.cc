// Who is told what came of a night, and what of the nights before it goes?
#include "harness/program/night/report.h"

#include <fmt/format.h>

#include "harness/base/file.h"
#include "reports/nightly/mail.h"
#include "reports/nightly/retention.h"
#include "reports/site/site.h"

namespace holdfast {
namespace fs = std::filesystem;
namespace {

constexpr Millis kTellLimit = std::chrono::minutes(5);

/// Tells somebody after the other; whoever cannot be told keeps nobody else from hearing it.
class Telling {
 public:
  Telling(Program& program, const lab::NightPlan& plan) : program_(program), plan_(plan) {}

  void check(const Result<void>& result) {
    if (result) return;
    all_well_ = false;
    reports::print_error(program_.err, result.error());
  }
  bool all_well() const { return all_well_; }

  void mail_and_commands(const reports::NightNews& news, const std::string& text, const reports::RunResults& night) {
    using When = lab::NightReport::When;
    const bool wanted = plan_.report.when == When::kAlways || (plan_.report.when == When::kNews && news.has_news()) ||
                        (plan_.report.when == When::kProblems && news.has_problems());
    if (!wanted) return;
    const std::string subject = reports::news_subject(news, plan_.name);
    if (!plan_.report.mail.empty()) mail(subject, text, night);
    const auto& ended = night.record.ended();
    for (const auto& argv : plan_.report.commands) {
      check(reports::tell_command(argv, text,
                                  {{"HOLDFAST_NIGHT", night.folder.string()},
                                   {"HOLDFAST_PLAN", plan_.name},
                                   {"HOLDFAST_SUBJECT", subject},
                                   {"HOLDFAST_EXIT_CODE", std::to_string(ended ? ended->exit_code : kExitUsage)}},
                                  deadline()));
    }
  }

 private:
  /// An interrupted night is told of as well.
  static Deadline deadline() { return Deadline::after(kTellLimit); }

  void mail(const std::string& subject, const std::string& text, const reports::RunResults& night) {
    check(reports::send_mail(plan_.report.sendmail,
                             {.from = plan_.report.from,
                              .to = plan_.report.mail,
                              .subject = subject,
                              .text = text,
                              .id = fmt::format("{}.{}@{}", night.name(), plan_.name, own_host_name())},
                             deadline()));
  }

  Program& program_;
  const lab::NightPlan& plan_;
  bool all_well_ = true;
};

void remove_nights(Telling& telling, const lab::NightPlan& plan, const fs::path& out,
                   std::vector<reports::RunResults> nights) {
  reports::finish_removals(out);
  const auto now = reports::WallClock::now();
  for (const fs::path& folder :
       reports::nights_to_remove(nights, {.newest = plan.keep.nights, .days = plan.keep.days}, now)) {
    telling.check(reports::remove_run_folder(folder));
  }
}

}  // namespace

bool tell_of_night(Program& program, const lab::NightPlan& plan, const fs::path& out, const fs::path& dir, bool quiet) {
  Telling telling(program, plan);
  auto tonight = reports::read_results(dir);
  if (!tonight) {
    telling.check(std::move(tonight).error());
    return false;
  }
  std::vector<std::string> unreadable;
  auto nights = reports::earlier_nights(out, plan.name, dir.filename().string(), unreadable);
  reports::NightNews news = reports::news_of(*tonight, nights);
  for (const std::string& one : unreadable) news.warnings.push_back("a night before was left out: " + one);
  const std::string text = reports::news_text(news, *tonight);
  telling.check(write_file_atomic(dir / "news.txt", text));
  if (!quiet) print_lines(program.out, text);
  telling.mail_and_commands(news, text, *tonight);
  nights.insert(nights.begin(), *std::move(tonight));
  if (!program.stop.requested()) remove_nights(telling, plan, out, std::move(nights));
  if (!plan.report.site.empty()) {
    const auto runs = reports::readable_runs(out, [](const fs::path&) { return true; }, unreadable);
    telling.check(reports::write_site(runs, plan.report.site));
  }
  return telling.all_well();
}

}  // namespace holdfast
