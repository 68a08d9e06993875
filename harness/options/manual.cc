// What does `man holdfast` show?
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "harness/base/text.h"
#include "harness/options/describe.h"

namespace holdfast {
namespace {

/// Text for roff: nothing in it is a request or an escape.
std::string plain(std::string_view text) {
  std::string clean;
  for (const std::string_view line : split(text, '\n')) {
    if (!clean.empty()) clean += '\n';
    if (line.starts_with('.') || line.starts_with('\'')) clean += "\\&";
    for (const char c : line) {
      if (c == '\\') {
        clean += "\\e";
      } else if (c == '-') {
        clean += "\\-";
      } else if (c == '~') {
        clean += "\\(ti";
      } else if (c == '\'') {
        clean += "\\(aq";
      } else if (c == '`') {
        clean += "\\(ga";
      } else {
        clean += c;
      }
    }
  }
  return clean;
}

std::string upper(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string described(const FlagWords& flag) {
  std::string text = fmt::format(".TP\n.B {}\n{}", plain(flag.shown()), plain(flag.text));
  text += ".\n";
  if (!flag.usual.empty()) text += fmt::format("Default: {}.\n", plain(flag.usual));
  if (!flag.environment.empty()) text += fmt::format("Environment: {}.\n", plain(flag.environment));
  return text;
}

/// Footers are "Examples:" and lines with commands.
std::string examples(const std::string& footer) {
  std::string text;
  for (const std::string_view line : split(footer, '\n')) {
    if (line.starts_with("  ")) text += plain(trim(line)) + "\n";
  }
  return text.empty() ? "" : ".PP\n.nf\n" + text + ".fi\n";
}

void add_verb(const CLI::App& verb, std::string& text, std::map<std::string, std::string>& environment) {
  text += fmt::format(".SS {}\n{}.\n", plain(usage_of(verb)), plain(verb.get_description()));
  for (const FlagWords& flag : flags_of(verb)) {
    text += described(flag);
    if (!flag.environment.empty()) environment.emplace(flag.environment, flag.names.back());
  }
  text += examples(verb.get_footer());
  for (const CLI::App* inner : verbs_of(verb)) add_verb(*inner, text, environment);
}

constexpr const char* kExitCodes = R"(.SH EXIT STATUS
.TP
.B 0
every case that ran has passed
.TP
.B 1
the kernel under test broke a promise; a comparison found new failures
.TP
.B 2
the lab or holdfast itself failed, or it was used in a wrong way
.TP
.B 3
nothing was selected
.TP
.B 4
everything was skipped
.TP
.B 130
interrupted, after a clean release
.SH FILES
.TP
.I out/latest
the newest run: junit.xml, report.html, summary.txt, manifest.json, journal.jsonl, and a folder for each attempt
.TP
.I \(ti/.cache/holdfast
kernels that were built, and what they were built from
)";

}  // namespace

std::string manual_page(const CLI::App& app, const std::string& version) {
  std::string text = fmt::format(".TH {} 1 \"\" \"{}\" \"User Commands\"\n", upper(app.get_name()), version);
  text += fmt::format(".SH NAME\n{} \\- test whether a PCI device in use survives a kexec untouched\n", app.get_name());
  text += fmt::format(".SH SYNOPSIS\n.B {}\n.I VERB\n[\\fIFLAGS\\fR]\n", app.get_name());
  text +=
      ".SH DESCRIPTION\nBinds PCI devices to vfio\\-pci, preserves them in a Live Update Orchestrator session, "
      "replaces "
      "the kernel by kexec,\nand checks what came out: on the built\\-in virtual machine, or on hosts of a lab.\n";
  text += ".SH VERBS\n";
  std::map<std::string, std::string> environment;
  for (const CLI::App* verb : verbs_of(app)) add_verb(*verb, text, environment);
  text += kExitCodes;
  text += ".SH ENVIRONMENT\nA flag beats its variable, which beats a file.\n";
  for (const auto& [name, flag] : environment) {
    text += fmt::format(".TP\n.B {}\nfor {}\n", plain(name), plain(flag));
  }
  return text;
}

}  // namespace holdfast
