// What does the plan of a night say? Read strictly, table by table.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "harness/base/file.h"
#include "harness/base/text.h"
#include "lab/inventory/forms.h"
#include "lab/inventory/toml_table.h"
#include "lab/lab_verbs.h"
#include "lab/nightly/night_plan.h"

namespace holdfast::lab {
namespace fs = std::filesystem;
namespace {

constexpr size_t kLargestFile = size_t{1} << 20;
constexpr int64_t kLongestDays = 36'500;

const Section kFile{"outside of all tables", {{"night"}, {"kernel"}, {"entry"}, {"quarantine"}, {"keep"}, {"report"}}};
const Section kNight{"[night]", {{"name"}, {"budget"}, {"runs_at_once"}}};
const Section kKernel{"[[kernel]]",
                      {{"name"},
                       {"type"},
                       {"kernel", "stored"},
                       {"modules", "stored"},
                       {"tree", "branch"},
                       {"branch", "branch"},
                       {"fetch", "branch"},
                       {"series", "branch"},
                       {"config", "branch"},
                       {"package", "package"}}};
const Section kEntry{"[[entry]]",
                     {{"name"},
                      {"kernels"},
                      {"next_kernels"},
                      {"hosts"},
                      {"devices"},
                      {"cases"},
                      {"append"},
                      {"next_append"},
                      {"repeat"},
                      {"retry_infra"},
                      {"soak"},
                      {"timeout_scale"},
                      {"budget"}}};
const Section kQuarantine{"[[quarantine]]",
                          {{"cases"}, {"host"}, {"kernel"}, {"type"}, {"fingerprint"}, {"until"}, {"reason"}}};
const Section kKeep{"[keep]", {{"nights"}, {"days"}}};
const Section kReport{"[report]", {{"mail"}, {"from"}, {"sendmail"}, {"command"}, {"site"}, {"when"}}};
const Section kCommand{"[[report.command]]", {{"argv"}}};

Result<std::optional<std::chrono::seconds>> read_span(const Table& table, std::string_view key) {
  const auto text = TRY(table.text(key));
  if (!text) return std::optional<std::chrono::seconds>();
  const auto span = parse_span(*text);
  if (!span) return table.error(key, span.error().what).because(span.error().hint);
  return std::optional(*span);
}

/// "2031-05-17".
Result<std::chrono::sys_days> read_day(const Table& table, std::string_view key) {
  const std::string text = TRY(table.required_text(key));
  const auto parts = split(text, '-');
  if (text.size() == 10 && parts.size() == 3 && parts[0].size() == 4 && parts[1].size() == 2) {
    const auto year = parse_u64(parts[0]);
    const auto month = parse_u64(parts[1]);
    const auto day = parse_u64(parts[2]);
    if (year && month && day) {
      const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(*year)),
                                             std::chrono::month(static_cast<unsigned>(*month)),
                                             std::chrono::day(static_cast<unsigned>(*day))};
      if (date.ok()) return std::chrono::sys_days(date);
    }
  }
  return table.error(key, fmt::format("'{}' is no day", text))
      .because("write it as \"2031-05-17\", in quotation marks");
}

/// A word that becomes one of git's or apt's own: none of their flags, and nothing that a shell or git reads otherwise.
Result<std::string> read_word(const Table& table, std::string_view key) {
  std::string word = TRY(table.required_text(key));
  if (!word.starts_with('-') && word.find_first_of(" \t\"'\\:?*[^~") == std::string::npos) return word;
  return table.error(key, fmt::format("'{}' cannot be a {}", word, key));
}

Result<void> read_branch(const Table& table, NightKernel& kernel) {
  kernel.kind = NightKernel::Kind::kBranch;
  if (!table.has("tree")) return table.missing("tree");
  kernel.tree = TRY(table.path("tree"));
  if (!table.has("branch")) return table.missing("branch");
  kernel.branch = TRY(read_word(table, "branch"));
  if (table.has("fetch")) kernel.remote = TRY(read_word(table, "fetch"));
  kernel.series = TRY(read_kernel(table, "series"));  // a word, or a path
  const auto configs = TRY(table.texts("config"));
  for (const std::string& one : configs) {
    kernel.configs.push_back(TRY_IN(table.at("config"), resolve_path(one, table.folder())));
  }
  return {};
}

Result<void> read_package(const Table& table, NightKernel& kernel) {
  kernel.kind = NightKernel::Kind::kPackage;
  if (!table.has("package")) return table.missing("package");
  if (TRY(table.required_text("package")).find('/') != std::string::npos) {
    kernel.package = TRY(table.path("package")).string();
    if (!kernel.package.ends_with(".deb")) {
      return table.error("package", fmt::format("'{}' is no .deb", kernel.package))
          .because("a path leads to a package");
    }
  } else {
    kernel.package = TRY(read_word(table, "package"));
  }
  return {};
}

Result<NightKernel> read_night_kernel(const Table& table) {
  NightKernel kernel;
  kernel.declared_at = table.at();
  kernel.name = TRY(read_name(table, "name"));
  const std::string type = TRY(table.type({"stored", "branch", "package"}));
  if (type == "branch") {
    TRY(read_branch(table, kernel));
  } else if (type == "package") {
    TRY(read_package(table, kernel));
  } else {
    kernel.kernel = TRY(read_kernel(table, "kernel"));
    kernel.modules = TRY(table.path("modules"));
  }
  return kernel;
}

/// The names of kernels that the plan declares.
Result<std::vector<std::string>> read_kernel_names(const Table& table, std::string_view key,
                                                   const std::vector<std::string>& known) {
  auto names = TRY(read_names(table, key));
  for (const std::string& name : names) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return table.error(key, fmt::format("no [[kernel]] is called \"{}\"{}", name, did_you_mean(name, known, '"')))
        .because(known.empty() ? "there is no [[kernel]] in the plan" : "there are: " + join(known, ", "));
  }
  return names;
}

Result<std::vector<std::string>> read_hosts(const Table& table) {
  auto hosts = TRY(table.texts("hosts"));
  for (auto host = hosts.begin(); host != hosts.end(); ++host) {
    if (std::find(hosts.begin(), host, *host) != host) {
      return table.error("hosts", fmt::format("'{}' is twice in hosts", *host));
    }
    if (host->find(':') == std::string::npos || (host->starts_with("tag:") && host->size() > 4)) continue;
    return table.error("hosts", fmt::format("'{}' is no host", *host))
        .because("a name of the inventory, or \"tag:WORD\" for all that have that tag");
  }
  return hosts;
}

Result<NightEntry> read_entry(const Table& table, const std::vector<std::string>& kernels) {
  NightEntry entry;
  entry.declared_at = table.at();
  entry.hosts_at = table.at("hosts");
  entry.devices_at = table.at("devices");
  entry.cases_at = table.at("cases");
  entry.name = TRY(read_name(table, "name"));
  entry.kernels = table.has("kernels") ? TRY(read_kernel_names(table, "kernels", kernels)) : kernels;
  entry.next_kernels = TRY(read_kernel_names(table, "next_kernels", kernels));
  if (!entry.next_kernels.empty() && entry.kernels.empty()) {
    return table.error("next_kernels", "next_kernels needs kernels to come from");
  }
  entry.hosts = TRY(read_hosts(table));
  entry.devices = TRY(table.texts("devices"));
  entry.cases = TRY(table.text_or("cases", entry.cases));
  entry.append = TRY(table.text_or("append", ""));
  entry.next_append = TRY(table.text_or("next_append", ""));
  entry.repeat = static_cast<int>(TRY(table.integer("repeat", {1, 100'000}, entry.repeat)));
  entry.retry_infra = static_cast<int>(TRY(table.integer("retry_infra", {0, 100}, entry.retry_infra)));
  entry.soak = static_cast<int>(TRY(table.integer("soak", {2, 10'000}, 0)));
  entry.timeout_scale = TRY(table.number("timeout_scale", {0.01, 1000}, entry.timeout_scale));
  entry.budget = TRY(read_span(table, "budget"));
  return entry;
}

Result<KnownFailure> read_quarantine(const Table& table, const std::vector<std::string>& kernels) {
  KnownFailure rule;
  rule.declared_at = table.at();
  rule.cases = TRY(table.required_text("cases"));
  if (rule.cases.find_first_not_of("*?.:/ ") == std::string::npos) {
    return table.error("cases", "cases lets everything fail; say which ones are known to");
  }
  if (table.has("host")) rule.host = TRY(read_name(table, "host"));
  if (table.has("kernel")) {
    rule.kernel = TRY(table.choice("kernel", kernels));
  }
  rule.type = TRY(table.text_or("type", ""));
  if (!rule.type.empty() && !rule.type.starts_with("kernel.")) {
    return table.error("type", fmt::format("'{}' is no failure of a kernel's", rule.type))
        .because("such as \"kernel.oops\"; what the lab or holdfast got wrong is no finding that could be let pass");
  }
  rule.fingerprint = TRY(table.text_or("fingerprint", ""));
  rule.until = TRY(read_day(table, "until"));
  rule.reason = TRY(table.required_text("reason"));
  return rule;
}

Result<Retention> read_keep(const Table& table) {
  return Retention{.nights = static_cast<int>(TRY(table.integer("nights", {1, 1'000'000}, 0))),
                   .days = static_cast<int>(TRY(table.integer("days", {1, kLongestDays}, 0)))};
}

/// An address goes into a header, where a comma begins another one and angle brackets mean something.
Result<std::string> check_mail(const Table& table, std::string_view key, std::string address) {
  const size_t at = address.find('@');
  const bool parts = at != 0 && at != std::string::npos && at + 1 < address.size();
  const bool local = at == std::string::npos && !address.empty();  // a user of this machine
  if ((parts || local) && address.find_first_of(" \t,;<>\"()\\") == std::string::npos && !address.starts_with('-')) {
    return address;
  }
  return table.error(key, fmt::format("'{}' is no mail address", address)).because("such as \"kernel@lab.example\"");
}

Result<NightReport> read_report(const Table& table) {
  NightReport report;
  const auto mail = TRY(table.texts("mail"));
  for (const std::string& one : mail) report.mail.push_back(TRY(check_mail(table, "mail", one)));
  if (table.has("from")) report.from = TRY(check_mail(table, "from", TRY(table.required_text("from"))));
  if (table.has("sendmail")) report.sendmail = TRY(table.argv("sendmail"));
  for (const std::string_view key : {"from", "sendmail"}) {
    if (table.has(key) && report.mail.empty()) return table.error(key, fmt::format("{} goes with mail", key));
  }
  const auto commands = TRY(table.tables("command", kCommand));
  for (const Table& one : commands) report.commands.push_back(TRY(one.argv("argv")));
  report.site = TRY(table.path("site"));
  const std::map<std::string, NightReport::When> whens{{"always", NightReport::When::kAlways},
                                                       {"problems", NightReport::When::kProblems},
                                                       {"news", NightReport::When::kNews}};
  report.when = whens.at(TRY(table.choice("when", {"always", "problems", "news"}, "always")));
  return report;
}

/// What has a name is there once.
class Names {
 public:
  Result<void> take(const std::string& name, const Table& table) {
    const auto [taken, fresh] = names_.emplace(name, table.at("name"));
    if (fresh) return {};
    return table.error("name", fmt::format("the name '{}' is taken: {}", name, taken->second));
  }

 private:
  std::map<std::string, std::string> names_;
};

Result<void> read_lists(const Table& file, NightPlan& plan) {
  std::vector<std::string> kernels;
  Names kernel_names;
  const auto kernel_tables = TRY(file.tables("kernel", kKernel));
  for (const Table& one : kernel_tables) {
    plan.kernels.push_back(TRY(read_night_kernel(one)));
    TRY(kernel_names.take(plan.kernels.back().name, one));
    kernels.push_back(plan.kernels.back().name);
  }
  Names entry_names;
  const auto entry_tables = TRY(file.tables("entry", kEntry));
  for (const Table& one : entry_tables) {
    plan.entries.push_back(TRY(read_entry(one, kernels)));
    TRY(entry_names.take(plan.entries.back().name, one));
  }
  const auto rules = TRY(file.tables("quarantine", kQuarantine));
  for (const Table& one : rules) plan.known_failures.push_back(TRY(read_quarantine(one, kernels)));
  if (plan.entries.empty()) {
    return error_at(file.at(), "there is nothing to run").because("write an [[entry]] with a name");
  }
  return {};
}

}  // namespace

Result<NightPlan> parse_night_plan(std::string_view text, const std::string& name) {
  const TomlNode root = TRY(parse_toml(text, name));
  std::error_code ignored;
  const Table file = TRY(Table::open(root, kFile, fs::absolute(name, ignored).parent_path()));
  NightPlan plan;
  plan.text = text;
  if (const auto night = TRY(file.table("night", kNight))) {
    if (night->has("name")) plan.name = TRY(read_name(*night, "name"));
    plan.budget = TRY(read_span(*night, "budget"));
    plan.runs_at_once = static_cast<int>(TRY(night->integer("runs_at_once", {1, 100}, plan.runs_at_once)));
  }
  TRY(read_lists(file, plan));
  if (const auto keep = TRY(file.table("keep", kKeep))) plan.keep = TRY(read_keep(*keep));
  if (const auto report = TRY(file.table("report", kReport))) plan.report = TRY(read_report(*report));
  return plan;
}

Result<NightPlan> read_night_plan(const fs::path& file) {
  const auto text = read_file(file, kLargestFile);
  if (!text) return usage_error(fmt::format("--plan: {}", text.error().what));
  return parse_night_plan(*text, file.string());
}

}  // namespace holdfast::lab
