export function showControls() {}
