// One TLS door on 127.0.0.1 for all hosts under example.test, so that the built apps run as they would in production.

import { readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'

/** `answers`: a function, or the port of an app, by host name. Resolves to the port and a way to shut the door. */
export function openFront(key, certificate, answers) {
  const server = https.createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (request, response) => {
    const answer = answers[request.headers.host]
    if (typeof answer === 'function') {
      answer(request, response).catch(error => {
        console.error(error)
        response.destroy()
      })
    } else if (answer) {
      forward(answer, request, response)
    } else {
      response.writeHead(421).end()
    }
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve({ port: server.address().port, shut: () => server.closeAllConnections() ?? server.close() }))
  })
}

function forward(port, request, response) {
  const headers = { ...request.headers, 'x-forwarded-host': request.headers.host, 'x-forwarded-proto': 'https' }
  const onward = http.request({ host: '127.0.0.1', port, method: request.method, path: request.url, headers }, answer => {
    response.writeHead(answer.statusCode, answer.headers)
    answer.pipe(response)
  })
  onward.once('error', () => response.destroy())
  request.pipe(onward)
}
