// Which flags have the verbs of `holdfast report`?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/flags.h"

namespace holdfast {
namespace {

constexpr int kAny = 10000;

struct ReportVerb {
  const char* name;
  const char* what;
  int least_runs;
  int most_runs;
  const char* out;  ///< what --out means; null: it has none
  const char* example;
};

constexpr ReportVerb kVerbs[] = {
    {"html", "one page about a run, to open from disk", 1, 1, "the page (default: report.html in the run's folder)",
     "  holdfast report html out/latest"},
    {"merge", "several runs (shards, hosts) as one", 1, kAny, "folder for junit.xml, summary.txt and report.html",
     "  holdfast report merge shard-1 shard-2 --out merged"},
    {"compare", "what is different in the second of two runs; exit code 1 on new failures", 2, 2, nullptr,
     "  holdfast report compare out/monday out/latest"},
    {"trend", "a page with the time of each phase and the pass rate over runs", 1, kAny,
     "the page (default: trend.html)", "  holdfast report trend out --out trend.html"},
    {"flaky", "how often each case failed, and how sure that is; exit code 1 when one is flaky", 1, kAny, nullptr,
     "  holdfast report flaky out"},
    {"site", "pages about all runs in a folder: runs, trends, each host, each case", 1, 1,
     "folder for the pages (default: site in that folder)", "  holdfast report site out --out ~/public_html/holdfast"},
    {"kcidb", "JSON for KernelCI's database", 1, 1, nullptr,
     "  holdfast report kcidb out/latest --origin mylab > run.json"},
    {"summary", "a run in a few lines, to be mailed", 1, 1, nullptr,
     "  holdfast report summary out/latest | mail -s holdfast you@example.org"},
};

void add_kcidb(CLI::App& verb, ReportOptions& options) {
  verb.add_option("--origin", options.origin, "the submitting system's name there")->required()->type_name("NAME");
  verb.add_option("--build-id", options.build_id, "the build there that was tested (default: submit builds too)")
      ->type_name("ID");
  verb.add_option("--artifacts-url", options.artifacts_url, "where the run's folder can be fetched from")
      ->type_name("URL");
}

}  // namespace

void add_report_verbs(CLI::App& app, Chosen& chosen) {
  CLI::App& report = *app.add_subcommand("report", "make pages of runs, merge and compare them");
  report.require_subcommand(0, 1);
  for (const ReportVerb& one : kVerbs) {
    const auto options = std::make_shared<ReportOptions>();
    options->what = one.name;
    CLI::App& verb = *report.add_subcommand(one.name, one.what);
    verb.add_option("run", options->runs, "a run's folder, its journal.jsonl or a junit.xml")
        ->required()
        ->expected(one.least_runs, one.most_runs)
        ->type_name("RUN");
    if (one.out != nullptr) verb.add_option("--out", options->out, one.out)->type_name("PATH");
    if (options->what == "kcidb") add_kcidb(verb, *options);
    verb.footer(std::string("Examples:\n") + one.example);
    verb.callback([options, &chosen] { chosen = *options; });
  }
  report.footer(
      "Examples:\n"
      "  holdfast report compare out/monday out/latest\n"
      "  holdfast report trend out/* --out trend.html\n"
      "  holdfast report merge shard-1 shard-2 --out merged");
}

}  // namespace holdfast
