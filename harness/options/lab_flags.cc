// Which flags have the verbs of `holdfast lab`?
#include <CLI/CLI.hpp>
#include <memory>

#include "harness/options/flags.h"

namespace holdfast {
namespace {

/// A verb about one host of the inventory.
template <class VerbOptions>
CLI::App& add_host_verb(CLI::App& lab, const char* name, const char* what, const char* example,
                        const std::shared_ptr<VerbOptions>& options, Chosen& chosen) {
  CLI::App& verb = *lab.add_subcommand(name, what);
  add_lab(verb, options->lab);
  verb.footer(example);
  verb.callback([options, &chosen] { chosen = *options; });
  return verb;
}

void add_power(CLI::App& lab, Chosen& chosen) {
  const auto options = std::make_shared<LabPowerOptions>();
  CLI::App& verb = add_host_verb(lab, "power", "switch a host's power, or say what it is",
                                 "Examples:\n  holdfast lab power state n07", options, chosen);
  verb.add_option("action", options->action, "on, off, cycle or state")
      ->required()
      ->check(CLI::IsMember({"on", "off", "cycle", "state"}));
  verb.add_option("target", options->target, "the host")->required()->type_name("HOST");
  verb.add_flag("--force", options->force, "even while somebody else holds the host");
}

}  // namespace

void add_lab_verbs(CLI::App& app, Chosen& chosen) {
  CLI::App& lab = *app.add_subcommand("lab", "who holds which host; reserve, release, power, console");
  lab.require_subcommand(0, 1);
  lab.footer(
      "Examples:\n"
      "  holdfast lab status --lab lab.toml\n"
      "  holdfast lab reserve rack3-n07 --for 4h --why 'bisecting by hand'\n"
      "  holdfast lab release rack3-n07 --heal   out of quarantine, if it is healthy\n"
      "  holdfast lab console rack3-n07          ~. ends it");

  const auto status = std::make_shared<LabStatusOptions>();
  CLI::App& status_verb = add_host_verb(lab, "status", "who holds what since when",
                                        "Examples:\n  holdfast lab status --lab lab.toml --power", status, chosen);
  status_verb.add_flag("--power", status->power, "ask the power switches as well");
  status_verb.add_flag("--json", status->json, "as JSON");

  const auto reserve = std::make_shared<LabReserveOptions>();
  CLI::App& reserve_verb =
      add_host_verb(lab, "reserve", "keep a host for yourself",
                    "Examples:\n  holdfast lab reserve n07 --for 4h --why 'bisecting by hand'", reserve, chosen);
  reserve_verb.add_option("target", reserve->target, "the host")->required()->type_name("HOST");
  reserve_verb.add_option("--for", reserve->span, "how long: 90s, 30m, 2h, 3d")
      ->type_name("SPAN")
      ->capture_default_str();
  reserve_verb.add_option("--why", reserve->why, "what others read who want it")->type_name("TEXT");

  const auto release = std::make_shared<LabReleaseOptions>();
  CLI::App& release_verb = add_host_verb(lab, "release", "give a host back, or take it out of quarantine",
                                         "Examples:\n  holdfast lab release n07 --heal", release, chosen);
  release_verb.add_option("target", release->target, "the host")->required()->type_name("HOST");
  release_verb.add_flag("--force", release->force, "whoever holds it; what runs there is told to stop");
  release_verb.add_flag("--heal", release->heal, "bring it back and let it pass its health gate first");

  add_power(lab, chosen);

  const auto console = std::make_shared<LabConsoleOptions>();
  CLI::App& console_verb = add_host_verb(lab, "console", "see and use a host's console; ~. ends it",
                                         "Examples:\n  holdfast lab console n07", console, chosen);
  console_verb.add_option("target", console->target, "the host")->required()->type_name("HOST");
}

}  // namespace holdfast
