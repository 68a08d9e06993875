// How do end-to-end tests drive the built program, as a user would?
#include "harness/e2e/program.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <pugixml.hpp>

#include "harness/base/text.h"
#include "tools/ctest/places.h"

namespace holdfast::e2e {
namespace fs = std::filesystem;

std::map<std::string, CaseReport> read_junit(const fs::path& file) {
  std::map<std::string, CaseReport> reports;
  pugi::xml_document document;
  if (!document.load_file(file.c_str())) return reports;
  for (const auto& suite : document.child("testsuites").children("testsuite")) {
    for (const auto& test : suite.children("testcase")) {
      CaseReport report{.verdict = "passed", .type = {}, .message = {}, .text = {}};
      for (const char* verdict : {"failure", "error", "skipped"}) {
        if (const auto node = test.child(verdict)) {
          report = {verdict, node.attribute("type").value(), node.attribute("message").value(), node.text().get()};
        }
      }
      reports[std::string(test.attribute("classname").value()) + "." + test.attribute("name").value()] = report;
    }
  }
  return reports;
}

std::map<std::string, std::string> verdicts_in(const fs::path& junit) {
  std::map<std::string, std::string> verdicts;
  for (const auto& [name, report] : read_junit(junit)) {
    verdicts[name] = fmt::format("{} {}: {}", report.verdict, report.type, report.message);
  }
  return verdicts;
}

Program::Program() : dir_(*TempDir::create("holdfast-e2e")) {}

std::vector<std::string> Program::argv(std::vector<std::string> args) const {
  args.insert(args.begin(), tested_program());
  return args;
}

Output Program::run(std::vector<std::string> args, Millis limit) const {
  auto output = holdfast::run({.argv = argv(std::move(args)), .env = {{"HOLDFAST_OUT", dir_.path().string()}}},
                              Deadline::after(limit));
  if (output) return *std::move(output);
  return {.status = {.code = -1, .signal = 0}, .out = {}, .err = output.error().what};
}

Process Program::start(std::vector<std::string> args) const {
  const Fd output = *open_file(output_file(), O_WRONLY | O_CREAT | O_TRUNC);
  return *Process::start({.argv = argv(std::move(args)),
                          .env = {{"HOLDFAST_OUT", dir_.path().string()}},
                          .stdout_fd = output.get(),
                          .stderr_fd = output.get()});
}

std::string Program::journal() const {
  auto text = read_file(latest() / "journal.jsonl");
  return text ? *std::move(text) : std::string();
}

bool Program::wait_for_journal(const std::function<bool(const std::string&)>& look, Millis limit) const {
  const auto deadline = Deadline::after(limit);
  while (!deadline.expired()) {
    if (look(journal())) return true;
    wait_until(deadline.at_most(Millis(5)));
  }
  return false;
}

namespace {

struct ProcessEntry {
  pid_t pid = 0;
  pid_t parent = 0;
  bool zombie = false;
  std::string cmdline;
};

std::vector<ProcessEntry> all_processes() {
  std::vector<ProcessEntry> entries;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const auto pid = parse_u64(entry.path().filename().string());
    if (!pid) continue;
    const auto stat = read_file(entry.path() / "stat");
    const auto cmdline = read_file(entry.path() / "cmdline");
    if (!stat || !cmdline) continue;
    // The name in parentheses may hold anything, so what follows is taken from the last one on (proc(5)).
    const auto fields = split(std::string_view(*stat).substr(stat->rfind(')') + 2), ' ');
    entries.push_back({static_cast<pid_t>(*pid), static_cast<pid_t>(parse_u64(fields[1]).value_or(0)),
                       fields[0] == "Z" || fields[0] == "X", *cmdline});
  }
  return entries;
}

}  // namespace

std::vector<pid_t> processes_with(const std::string& text) {
  std::vector<pid_t> found;
  for (const ProcessEntry& entry : all_processes()) {
    if (!entry.zombie && entry.pid != ::getpid() && entry.cmdline.find(text) != std::string::npos) {
      found.push_back(entry.pid);
    }
  }
  return found;
}

std::vector<pid_t> descendants_of(pid_t pid) {
  const auto entries = all_processes();
  std::vector<pid_t> family{pid};
  for (size_t i = 0; i < family.size(); ++i) {
    for (const ProcessEntry& entry : entries) {
      if (entry.parent == family[i] && !entry.zombie) family.push_back(entry.pid);
    }
  }
  family.erase(family.begin());
  return family;
}

bool all_gone(const std::vector<pid_t>& pids, Millis limit) {
  const auto deadline = Deadline::after(limit);
  while (true) {
    const auto entries = all_processes();
    const bool left = std::ranges::any_of(entries, [&](const ProcessEntry& entry) {
      return !entry.zombie && std::ranges::find(pids, entry.pid) != pids.end();
    });
    if (!left) return true;
    if (deadline.expired()) return false;
    wait_until(deadline.at_most(Millis(20)));
  }
}

}  // namespace holdfast::e2e
