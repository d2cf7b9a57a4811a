# For those who build with node-gyp: the same CMake build as `npx densehybrid build`. node-gyp compiles nothing itself.
{
  "targets": [
    {
      "target_name": "densehybrid",
      "type": "none",
      "actions": [
        {
          "action_name": "build_with_cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/always"],
          "action": ["node", "scripts/install.mjs"]
        }
      ]
    }
  ]
}
