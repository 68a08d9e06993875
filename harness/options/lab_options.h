// What did the user ask of the lab's hosts?
#pragma once

#include <filesystem>
#include <string>

namespace holdfast {

struct LabStatusOptions {
  std::filesystem::path lab;  ///< the inventory
  bool power = false;         ///< ask each host's power switch as well
  bool json = false;
};
struct LabReserveOptions {
  std::filesystem::path lab;
  std::string target;
  std::string span = "2h";
  std::string why;
};
struct LabReleaseOptions {
  std::filesystem::path lab;
  std::string target;
  bool force = false;  ///< whoever holds it
  bool heal = false;   ///< out of quarantine, if it passes its health gate
};
struct LabPowerOptions {
  std::filesystem::path lab;
  std::string action;  ///< on, off, cycle or state
  std::string target;
  bool force = false;  ///< whoever holds it
};
struct LabConsoleOptions {
  std::filesystem::path lab;
  std::string target;
};

}  // namespace holdfast
