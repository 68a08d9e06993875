// Where does the program begin? It reads the command line and hands over to the verb (harness/program/).
#include <fmt/format.h>
#include <signal.h>

#include <array>
#include <exception>
#include <span>

#include "harness/base/text.h"
#include "harness/options.h"
#include "harness/program/program.h"
#include "harness/verdict.h"

namespace holdfast {

std::filesystem::path own_path() { return std::filesystem::read_symlink("/proc/self/exe"); }
std::filesystem::path agent_path() { return own_path().parent_path() / "holdfast-agent"; }

std::string own_host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? std::string(name.data()) : std::string("localhost");
}

void print_lines(reports::Screen& screen, std::string_view text) {
  for (const std::string_view line : split(trim(text), '\n')) screen.line(std::string(line));
}

namespace {

const Stop* stop_of_signals = nullptr;

/// SIGINT, SIGTERM and SIGHUP ask for a clean release; a second one changes nothing, since releasing has a deadline.
void stop_on_signals(const Stop& stop) {
  stop_of_signals = &stop;
  struct sigaction action{};
  action.sa_handler = [](int) { stop_of_signals->request(); };
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaction(signal, &action, nullptr);
  ::signal(SIGPIPE, SIG_IGN);
}

/// The verb for each kind of options.
struct Verbs {
  Program& program;
  Result<int> operator()(const JustPrint& what) {
    print_lines(program.out, what.text);
    return 0;
  }
  Result<int> operator()(const RunOptions& options) { return run_verb(program, options); }
  Result<int> operator()(const SubmitOptions& options) { return submit_verb(program, options); }
  Result<int> operator()(const CaseOptions& options) { return case_verb(program, options); }
  Result<int> operator()(const ListOptions& options) { return list_verb(program, options); }
  Result<int> operator()(const CheckOptions& options) { return check_verb(program, options); }
  Result<int> operator()(const ReportOptions& options) { return report_verb(program, options); }
  Result<int> operator()(const BisectOptions& options) { return bisect_verb(program, options); }
  Result<int> operator()(const SeriesOptions& options) { return series_verb(program, options); }
  Result<int> operator()(const BisectStepOptions& options) { return bisect_verb(program, options); }
  template <class Verb>
  Result<int> operator()(const Verb& options) {
    if constexpr (requires { kernel_verb(program, options); }) {
      return kernel_verb(program, options);
    } else {
      return lab_verb(program, options);
    }
  }
};

int exit_code_of(Program& program, const Result<int>& result) {
  if (result) return *result;
  if (result.error().kind == "stopped") return 130;
  reports::print_error(program.err, result.error());
  return kExitUsage;
}

/// `git bisect run` would take bad usage for a bad commit: 128 and more is what makes it stop.
int for_git(std::span<char* const> argv, int code) {
  const bool step = argv.size() > 1 && std::string_view(argv[1]) == "bisect-step";
  return step && code == kExitUsage ? 128 : code;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  using namespace holdfast;
  const std::span words(argv, static_cast<size_t>(argc));
  try {
    const auto stop = Stop::create();
    if (!stop) return kExitUsage;
    stop_on_signals(*stop);
    Program program{.argv = {argv, argv + argc}, .stop = *stop};
    auto options = parse_options(argc, argv);
    if (!options) return for_git(words, exit_code_of(program, std::move(options).error()));
    return for_git(words, exit_code_of(program, std::visit(Verbs{program}, *options)));
  } catch (const std::exception& bug) {
    fmt::print(stderr, "holdfast: internal error: {}\n", bug.what());
    return for_git(words, kExitUsage);
  }
}
