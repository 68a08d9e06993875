// What does the kernel's own scripts/checkpatch.pl say of a patch?
#include "harness/series/checkpatch.h"

#include <fmt/format.h>

#include <regex>

#include "harness/base/text.h"

namespace holdfast::series {

bool read_totals(std::string_view text, StyleCheck& check) {
  static const std::regex kTotal(R"(^total: (\d+) errors?, (\d+) warnings?,.*)");
  for (const std::string_view view : split(text, '\n')) {
    if (!view.starts_with("total: ")) continue;
    const std::string line(view);
    std::smatch match;
    if (!std::regex_match(line, match, kTotal)) continue;
    check.errors = std::stoi(match[1]);
    check.warnings = std::stoi(match[2]);
    return true;
  }
  return false;
}

Result<StyleCheck> check_style(const WorkTree& tree, const std::string& commit, const Deadline& deadline) {
  const auto script = tree.dir() / "scripts/checkpatch.pl";
  std::error_code failed;
  if (!std::filesystem::exists(script, failed)) return StyleCheck{.reason = "the tree has no scripts/checkpatch.pl"};
  if (!find_program("perl")) return StyleCheck{.reason = "perl is not installed"};
  const Output mail = TRY(run_git(tree.dir(),
                                  {"-c", "diff.noprefix=false", "format-patch", "-1", "--stdout", "--no-attach",
                                   "--no-thread", "--src-prefix=a/", "--dst-prefix=b/", commit},
                                  deadline));
  if (!mail.status.success()) return StyleCheck{.reason = "git cannot print it as a mail: " + mail.err};
  const Command command{.argv = {"perl", script.string(), "--color=never", "-"}, .cwd = tree.dir()};
  const auto said = run(command, deadline.at_most(std::chrono::minutes(2)), mail.out);
  if (!said && said.error().kind == "stopped") return said.error();
  if (!said) return StyleCheck{.reason = said.error().what};
  StyleCheck check{.text = printable(said->out)};
  check.ran = read_totals(check.text, check);
  if (!check.ran) check.reason = fmt::format("{}: {}", said->status.describe(), trim(last_lines(said->err, 1)));
  return check;
}

}  // namespace holdfast::series
